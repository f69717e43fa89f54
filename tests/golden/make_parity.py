#!/usr/bin/env python3
"""Golden outputs of whole networks at full width on real pictures, for tests/nn; also the networks of scripts/parity.py.

Writes parity.safetensors beside this script. For torchvision's ResNet-18/34/50/101 and MobileNet v1 1.0 and 0.25 (torch
variants), each with a classifier `fc` of 1000 classes, in float64:
  formula/NETWORK/pooled   (2, 64)  the first 64 features after global average pooling
  formula/NETWORK/logits   (2, 64)  the first 64 logits
NETWORK: resnet18 ... resnet101, mobilenet_v1_1.0, mobilenet_v1_0.25; row 0 is coffee_224.png, row 1 cat_224.png.

The picture: decoded by Pillow, shorter side to 256 (Pillow's antialiased bilinear, back to bytes), the middle 224 x 224, / 255, then
(x - mean) / std with ImageNet's values.

The weights are not stored. Every tensor is made from its name in the state dict ("layer3.22.bn3.weight", "model.13.4.bias",
"fc.weight": no prefix) by `fill`, with u = formula(name, shape) uniform in [-1, 1):
  ...running_mean                  0.2 u
  ...running_var                   1 + 0.5 u
  ...bias                          0.1 u
  num_batches_tracked              0
  rank 4 (convolutions)            u sqrt(6 / (values of one filter))
  rank 2 (fc)                      u sqrt(3 / inputs)
  rank 1, ...bn2.weight, bn3.weight   0.25 (1 + 0.3 u)
  rank 1, other weights            1 + 0.3 u
The quarter damps the residual branches: without it activations grow with every block (to 3e7 in ResNet-101). It goes by the name alone,
so a bottleneck has it twice; MobileNet has no such names.
Run: python make_parity.py [FOLDER with the two pictures]; default: ../shared/weights beside the project.
"""
import pathlib
import sys

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import transforms

from formula import formula

HERE = pathlib.Path(__file__).resolve().parent
PICTURES = ("coffee_224.png", "cat_224.png")
KEEP = 64  # features and logits of a picture that are stored


class MobileNetV1(nn.Module):
    """Howard et al., arXiv 1704.04861: `model.I.J` (block I, 0 the stem; J: 0 convolution, 1 norm, 3 pointwise, 4 norm), `fc`."""

    PLAN = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]

    def __init__(self, width, classes=1000):
        super().__init__()
        c = int(32 * width)
        blocks = [nn.Sequential(nn.Conv2d(3, c, 3, 2, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU())]
        for out, stride in self.PLAN:
            out = int(out * width)
            blocks.append(nn.Sequential(
                nn.Conv2d(c, c, 3, stride, 1, groups=c, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                nn.Conv2d(c, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()))
            c = out
        self.model = nn.Sequential(*blocks)
        self.fc = nn.Linear(c, classes)

    def forward(self, x):
        return self.fc(self.model(x).mean((2, 3)))


NETWORKS = {name: getattr(torchvision.models, name) for name in ("resnet18", "resnet34", "resnet50", "resnet101")}
NETWORKS["mobilenet_v1_1.0"] = lambda: MobileNetV1(1.0)
NETWORKS["mobilenet_v1_0.25"] = lambda: MobileNetV1(0.25)

TRANSFORM = transforms.Compose([
    transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])


def picture(path):
    """A picture as torchvision prepares it, (3, 224, 224) float32."""
    with Image.open(path) as image:
        return TRANSFORM(image.convert("RGB"))


def picture_f64(path):
    """The same with the arithmetic behind the resize in float64."""
    with Image.open(path) as image:
        cut = transforms.CenterCrop(224)(transforms.Resize(256)(image.convert("RGB")))
    x = torch.from_numpy(np.array(cut)).permute(2, 0, 1).double() / 255
    mean, std = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return (x - mean) / std


@torch.no_grad()
def fill(module):
    """The rules of the file's docstring; tests/nn repeats them. `module` is float64."""
    for name, t in module.state_dict().items():
        if t.dim() == 0:  # num_batches_tracked
            t.zero_()
            continue
        u = formula(name, t.shape)
        if name.endswith("running_mean"):
            t.copy_(0.2 * u)
        elif name.endswith("running_var"):
            t.copy_(1 + 0.5 * u)
        elif name.endswith("bias"):
            t.copy_(0.1 * u)
        elif t.dim() == 4:
            t.copy_(u * (6.0 / t[0].numel()) ** 0.5)
        elif t.dim() == 2:
            t.copy_(u * (3.0 / t.shape[1]) ** 0.5)
        else:
            t.copy_((0.25 if name.endswith(("bn2.weight", "bn3.weight")) else 1.0) * (1 + 0.3 * u))


@torch.no_grad()
def outputs(net, x):
    """Features after global average pooling, and logits."""
    seen = []
    hook = net.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    logits = net(x)
    hook.remove()
    return seen[0], logits


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parents[1].parent / "shared" / "weights"
    x = torch.stack([picture_f64(folder / name) for name in PICTURES])
    tensors = {}
    for name, build in NETWORKS.items():
        net = build().double().eval()
        fill(net)
        pooled, logits = outputs(net, x)
        apart = ((logits[0] - logits[1]).norm() / logits[0].norm()).item()
        print(f"{name:18} pooled rms {pooled.square().mean().sqrt():.3f}, zeros {(pooled == 0).double().mean():.3f}; "
              f"logits rms {logits.square().mean().sqrt():.3f}; coffee and cat {apart:.3f} of a norm apart")
        tensors[f"formula/{name}/pooled"] = pooled[:, :KEEP].contiguous()
        tensors[f"formula/{name}/logits"] = logits[:, :KEEP].contiguous()
    save_file(tensors, HERE / "parity.safetensors", {
        "computed": "float64, torch " + torch.__version__.split("+")[0], "pictures": " ".join(PICTURES)})


if __name__ == "__main__":
    main()
