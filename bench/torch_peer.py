#!/usr/bin/env python3
"""The PyTorch side of `fledge bench --against torch`: the same cases, in one form. Part of the fledge binary, which hands
it to a Python that has torch and torchvision.

usage: torch_peer.py CASE [--form FORM] [--device cpu|cuda[:N]] [--precision f32|tf32|bf16] [--threads N] [--seconds S] [--size PX]
       torch_peer.py --probe [--device ...]      says which PyTorch this is, or why it cannot be used
FORM: nchw, nhwc (eager); on a GPU, always channels-last: eager, or compile, reduce-overhead, max-autotune (torch.compile).
Prints one JSON object: median_ms and minimum_ms of a step, steps, peak_mib, reserved_mib; or error.
"""
import argparse, json, resource, sys, time


def options():
    p = argparse.ArgumentParser()
    p.add_argument("case", nargs="?")
    p.add_argument("--probe", action="store_true")
    p.add_argument("--form", default="nhwc")
    p.add_argument("--device", default="cpu")
    p.add_argument("--precision", default="f32", choices=["f32", "tf32", "bf16"])
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--size", type=int, default=224)
    return p.parse_args()


def answer(**values):
    print(json.dumps(values), flush=True)
    sys.exit(0)


a = options()
try:
    import torch, torchvision
    from torch import nn
    from torch.nn import functional as F
except Exception as e:
    answer(error=f"import fails: {e}")
cuda = a.device.startswith("cuda")
if cuda and not torch.cuda.is_available():
    answer(error=f"PyTorch {torch.__version__} sees no GPU")
if a.probe:
    answer(version=f"PyTorch {torch.__version__}" + (f", cuDNN {torch.backends.cudnn.version()}" if cuda else ""))


class Separable(nn.Sequential):
    def __init__(self, cin, cout, stride):
        super().__init__(nn.Conv2d(cin, cin, 3, stride, 1, groups=cin, bias=False), nn.BatchNorm2d(cin), nn.ReLU(True),
                         nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(True))


class Embedder(nn.Module):
    """Backbone, global average pooling, Linear 512, L2 normalisation."""

    def __init__(self, arch, width):
        super().__init__()
        if arch == "mobilenet_v1":
            c = lambda n: int(n * width)
            plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
            layers, cin = [nn.Conv2d(3, c(32), 3, 2, 1, bias=False), nn.BatchNorm2d(c(32)), nn.ReLU(True)], c(32)
            for cout, stride in plan:
                layers.append(Separable(cin, c(cout), stride))
                cin = c(cout)
            self.trunk, features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), cin
        elif width != 1:
            raise ValueError(f"torchvision has no {arch} of width {width}")
        else:
            net = getattr(torchvision.models, arch)(weights=None)
            features, net.fc = net.fc.in_features, nn.Identity()
            self.trunk = net
        self.feat = nn.Linear(features, 512)

    def forward(self, x):
        return F.normalize(self.feat(self.trunk(x)).float())


def read_model(parts):
    arch = parts.pop(0)
    width = float(parts.pop(0)) if "." in parts[0] else 1.0
    return Embedder(arch, width).to(a.device, memory_format=layout)


def compiled(f):
    if a.form == "compile":
        return torch.compile(f)
    return torch.compile(f, mode=a.form) if a.form in ("reduce-overhead", "max-autotune") else f


def frozen(net, images):
    """The network as it is run for its results only: eval mode, no gradients, with bf16 the weights converted once."""
    net.eval().requires_grad_(False)
    net = net.bfloat16() if bf16 else net
    forward = compiled(lambda x: net(x))
    return lambda: forward(images)


def build():
    parts = a.case.split(":")
    mode = parts.pop(0)
    first = read_model(parts)
    student = read_model(parts) if mode == "distill" else first
    batch = int(parts[0])
    images = torch.randn(batch, 3, a.size, a.size, device=a.device).to(memory_format=layout)
    low = images.bfloat16() if bf16 else images
    if mode == "infer":
        infer = frozen(first, low)
        def body():
            with torch.inference_mode():
                infer()
        return body
    optimizer = torch.optim.SGD(student.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4, **({"fused": True} if cuda else {}))
    target = torch.randn(batch, 512, device=a.device)
    teacher = frozen(first, low) if mode == "distill" else None
    loss_of = compiled(lambda x, goal: (student(x) - goal).norm(dim=1).mean())
    def body():
        if a.form in ("reduce-overhead", "max-autotune"):
            torch.compiler.cudagraph_mark_step_begin()
        goal = target
        if teacher:
            with torch.no_grad():
                goal = teacher().clone() if a.form in ("reduce-overhead", "max-autotune") else teacher()
        with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
            loss = loss_of(low, goal)  # in fledge, too, pictures lie there in the type of the activations
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return body


def on_cpu(body):
    start = time.perf_counter()
    body()
    return 1e3 * (time.perf_counter() - start)


def on_gpu(body, steps):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(steps):
        body()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / steps


def measure():
    torch.manual_seed(0)
    body, steps = build(), 1
    for _ in range(5 if cuda else 2):  # plans, compilation, moments
        body()
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        if a.form in ("eager", "compile"):  # what a recorded graph holds was counted while it was recorded
            torch.cuda.reset_peak_memory_stats()
        steps = max(1, min(1000, round(50 / on_gpu(body, 3))))
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < a.seconds:
        times.append(on_gpu(body, steps) if cuda else on_cpu(body))
    times.sort()
    if cuda:
        peak, reserved = torch.cuda.max_memory_allocated() / 2**20, torch.cuda.memory_reserved() / 2**20
    else:
        peak, reserved = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0
    answer(median_ms=times[len(times) // 2], minimum_ms=times[0], steps=len(times) * steps, peak_mib=peak, reserved_mib=reserved)


layout = torch.contiguous_format if a.form == "nchw" else torch.channels_last
bf16 = cuda and a.precision == "bf16"
if a.threads:
    torch.set_num_threads(a.threads)
if cuda:
    torch.cuda.set_device(a.device if ":" in a.device else 0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = a.precision != "f32"
    torch.backends.cudnn.benchmark = True
try:
    measure()
except Exception as e:
    answer(error=str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__)
