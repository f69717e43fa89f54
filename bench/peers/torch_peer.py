"""PyTorch, eager (torch) and compiled (torch-compile): inference, training, distillation. ResNets are torchvision's.

CPU: default is NCHW as imported; tuned is channels-last, the allocator that fledge's parent process sets, and for
compiled inference frozen weights. GPU: channels-last, cudnn.benchmark, fused SGD; torch-compile also as reduce-overhead
or max-autotune.
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import case_files
from network import MOBILENET_STRIDES


def version(peer, a):
    if a.cuda and not torch.cuda.is_available():
        raise RuntimeError(f"PyTorch {torch.__version__} sees no GPU")
    import torchvision
    return f"PyTorch {torch.__version__}" + (f", cuDNN {torch.backends.cudnn.version()}" if a.cuda else "")


class MobileNet(nn.Module):
    """MobileNet v1 without its classifier, under fledge's names."""

    def __init__(self, tensors):
        super().__init__()
        convs = lambda i: tensors[f"model.{i}.0.weight"].shape[0]
        cin = convs(0)
        blocks = [nn.Sequential(nn.Conv2d(3, cin, 3, 2, 1, bias=False), nn.BatchNorm2d(cin), nn.ReLU(True))]
        for i, stride in enumerate(MOBILENET_STRIDES, 1):
            cout = tensors[f"model.{i}.3.weight"].shape[0]
            blocks.append(nn.Sequential(
                nn.Conv2d(cin, cin, 3, stride, 1, groups=cin, bias=False), nn.BatchNorm2d(cin), nn.ReLU(True),
                nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(True)))
            cin = cout
        self.model = nn.Sequential(*blocks)

    def forward(self, x):
        return F.adaptive_avg_pool2d(self.model(x), 1).flatten(1)


class Embedder(nn.Module):
    """Backbone, global average pooling, Linear, L2 normalization."""

    def __init__(self, tensors, metadata):
        super().__init__()
        arch = metadata["arch"]
        if arch == "mobilenet_v1":
            self.trunk = MobileNet(tensors)
        elif float(metadata["width"]) != 1:
            raise ValueError(f"torchvision has no {arch} of width {metadata['width']}")
        else:
            import torchvision
            self.trunk = getattr(torchvision.models, arch)(weights=None)
            self.trunk.fc = nn.Identity()
        self.feat = nn.Linear(*reversed(tensors["feat.weight"].shape))

    def forward(self, x):
        return F.normalize(self.feat(self.trunk(x)).float())


def read_model(path):
    """Of a fledge model file, without a second copy of the weights."""
    tensors, metadata = case_files.model(path)
    with torch.device("meta"):
        net = Embedder(tensors, metadata)
    named = lambda name: name if name.startswith("feat.") else "trunk." + name
    net.load_state_dict({named(name): torch.from_numpy(value) for name, value in tensors.items()}, assign=True)
    return net


class Work:
    def __init__(self, a):
        self.a = a
        torch.set_num_threads(a.threads)
        self.tuned = a.variant != "default"
        self.layout = torch.channels_last if self.tuned else torch.contiguous_format
        self.bf16 = a.cuda and a.precision == "bf16"
        if a.cuda:
            torch.cuda.set_device(a.device if ":" in a.device else 0)
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = a.precision != "f32"
            torch.backends.cudnn.benchmark = True
        self.graphs = a.variant in ("reduce-overhead", "max-autotune")
        images = torch.from_numpy(case_files.array(a.folder, "images")).to(a.device)
        images = images.to(memory_format=self.layout)
        self.images = images.bfloat16() if self.bf16 else images
        first = self.model("teacher" if a.mode == "distill" else "model")
        if a.mode in ("infer", "start"):
            self.forward = self.frozen(first)
        else:
            self.prepare_training(first)

    def model(self, name):
        return read_model(f"{self.a.folder}/{name}.safetensors").to(self.a.device, memory_format=self.layout)

    def compiled(self, f):
        if self.a.peer != "torch-compile":
            return f
        return torch.compile(f, mode=self.a.variant) if self.graphs else torch.compile(f)

    def frozen(self, net):
        """The network as it is run for its results only: eval mode, no gradients, with bf16 the weights converted once."""
        net.eval().requires_grad_(False)
        net = net.bfloat16() if self.bf16 else net
        if self.a.peer == "torch-compile" and self.a.mode == "infer" and self.tuned and not self.a.cuda:
            import torch._inductor.config
            torch._inductor.config.freezing = True
        forward = self.compiled(lambda x: net(x))
        return lambda: forward(self.images)

    def prepare_training(self, first):
        student = first if self.a.mode == "train" else self.model("model")
        self.teacher = self.frozen(first) if self.a.mode == "distill" else None
        self.student = student.train()
        self.loss_of = self.compiled(lambda x, goal: (student(x) - goal).norm(dim=1).mean())
        self.target = torch.from_numpy(case_files.array(self.a.folder, "targets")).to(self.a.device)
        fused = {"fused": True} if self.a.cuda else {}
        self.optimizer = torch.optim.SGD(student.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4, **fused)

    def run(self):
        if self.a.mode in ("infer", "start"):
            with torch.no_grad() if self.a.peer == "torch-compile" else torch.inference_mode():
                self.embedding = self.forward()
            return
        if self.graphs:
            torch.compiler.cudagraph_mark_step_begin()
        goal = self.target
        if self.teacher:
            with torch.no_grad():
                goal = self.teacher().clone() if self.graphs else self.teacher()
        with torch.autocast("cuda", torch.bfloat16, enabled=self.bf16):
            loss = self.loss_of(self.images, goal)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.loss = loss.detach()

    def check(self):
        """Embeddings, or the losses of the first steps: what they become depends on every gradient."""
        rows = lambda t: t.float().cpu().numpy()
        most = 1e-4 if self.a.precision == "f32" else 2e-2
        if self.a.mode in ("infer", "start"):
            self.run()
            return case_files.compare("embeddings", rows(self.embedding), case_files.array(self.a.folder, "embeddings"), most)
        largest = 0
        if self.teacher:
            with torch.no_grad():
                largest = case_files.compare("teacher's embeddings", rows(self.teacher()),
                                             case_files.array(self.a.folder, "teacher_embeddings"), most)
        losses = []
        expected = case_files.array(self.a.folder, "losses")
        for _ in expected:
            self.run()
            losses.append(float(self.loss))
        case_files.compare("losses", losses, expected, 20 * most)  # each step widens what rounding began
        return max(largest, case_files.compare("first loss", losses[0], expected[0], most))

    def times(self, steps):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(steps):
            self.run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / steps

    def forget_memory(self):
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        if not self.graphs:  # what a recorded graph holds was counted while it was recorded
            torch.cuda.reset_peak_memory_stats()

    def memory(self):
        return dict(peak_mib=torch.cuda.max_memory_allocated() / 2**20, reserved_mib=torch.cuda.memory_reserved() / 2**20)
