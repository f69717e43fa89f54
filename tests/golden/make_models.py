#!/usr/bin/env python3
"""Golden values of residual blocks and MobileNet v1, for tests/nn.

Writes, beside this script:
  basic_block.safetensors, bottleneck.safetensors   torchvision blocks in training mode: state before, input, cotangent, output,
                                                    gradients of input and parameters, buffers after
  mobilenet_025.safetensors                         MobileNet v1 0.25, both variants; its weights and pictures are
                                                    not stored but made by `formula`, which tests/nn/golden.cpp repeats
All is computed and stored in float64. Made with torch 2.15.0, torchvision 0.29.2 (any version gives the same up to rounding).
Run: python make_models.py
"""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from formula import formula

HERE = pathlib.Path(__file__).parent
torch.set_default_dtype(torch.float64)


def fill(module, gain=1):
    """Every parameter and statistic non-trivial; the same rules as in tests/nn/golden.cpp. The gain, of one
    batch norm of MobileNet, drives ReLU6 to its ceiling; in every layer it would make the network chaotic."""
    for name, t in module.state_dict().items():
        u = formula(name, t.shape) if t.dim() else None
        if name.endswith("running_mean"):
            t.copy_(0.2 * u)
        elif name.endswith("running_var"):
            t.copy_(1 + 0.5 * u)
        elif name.endswith("bias"):
            t.copy_(0.1 * u)
        elif t.dim() == 1:
            t.copy_((gain if name == "model.1.1.weight" else 1) * (1 + 0.3 * u))
        elif t.dim() == 4:
            t.copy_(u * (6.0 / t[0].numel()) ** 0.5)


def block_case(path, block, x):
    fill(block)
    out = {"state." + k: v.clone() for k, v in block.state_dict().items()}
    block.train()
    x.requires_grad_(True)
    y = block(x)
    cotangent = formula("cotangent", y.shape)
    y.backward(cotangent)
    out.update(input=x.detach(), cotangent=cotangent, output=y.detach())
    out["grad.input"] = x.grad
    out.update({"grad." + k: p.grad for k, p in block.named_parameters()})
    out.update({"after." + k: b.clone() for k, b in block.named_buffers()})
    save(path, out)


def downsample(inp, out, stride):
    return nn.Sequential(nn.Conv2d(inp, out, 1, stride, bias=False), nn.BatchNorm2d(out))


class KerasConv(nn.Conv2d):
    """Stride-2 convolution padded at the bottom and right only."""

    def forward(self, x):
        return super().forward(F.pad(x, (0, 1, 0, 1)))


def mobilenet(width, variant):
    keras = variant == "keras"
    eps = 1e-3 if keras else 1e-5
    act = nn.ReLU6 if keras else nn.ReLU

    def conv3(i, o, s, groups):
        if keras and s == 2:
            return KerasConv(i, o, 3, 2, 0, groups=groups, bias=False)
        return nn.Conv2d(i, o, 3, s, 1, groups=groups, bias=False)

    def separable(i, o, s):
        return nn.Sequential(conv3(i, i, s, i), nn.BatchNorm2d(i, eps), act(), nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o, eps), act())

    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    c = int(32 * width)
    blocks = [nn.Sequential(conv3(3, c, 2, 1), nn.BatchNorm2d(c, eps), act())]
    for o, s in plan:
        blocks.append(separable(c, int(o * width), s))
        c = int(o * width)
    net = nn.Module()
    net.model = nn.Sequential(*blocks)
    return net


def mobilenet_case(out, variant, train):
    """Evaluation: two pictures of 32 px, gradient of the picture. Training: eight of 64 px, some gradients and statistics (at 32 px
    the last maps are single pixels: batch norm over eight values)."""
    net = mobilenet(0.25, variant)
    fill(net, 4 if variant == "keras" else 1)
    net.train(train)
    prefix = f"{variant}.{'train' if train else 'eval'}."
    x = formula("pictures", (8, 3, 64, 64) if train else (2, 3, 32, 32)).requires_grad_(True)
    y = x
    for i, block in enumerate(net.model):
        y = block(y)
        if i in (3, 5, 11):
            out[prefix + f"stage_mean.{i}"] = y.detach().mean((2, 3))
    pooled = y.mean((2, 3))
    pooled.backward(formula("cotangent", pooled.shape))
    out[prefix + "pooled"] = pooled.detach()
    if not train:
        out[prefix + "grad.input"] = x.grad
    for name in ("model.0.0.weight", "model.1.0.weight", "model.2.1.weight", "model.6.0.weight", "model.6.4.bias", "model.13.4.weight"):
        out[prefix + "grad." + name] = dict(net.named_parameters())[name].grad
    if train:
        for name in ("model.0.1.running_mean", "model.6.4.running_var", "model.13.4.running_mean"):
            out[prefix + "after." + name] = dict(net.named_buffers())[name].clone()


def save(path, tensors):
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / path, {"computed": "float64, torch " + torch.__version__.split("+")[0]})


block_case("basic_block.safetensors", BasicBlock(6, 8, 2, downsample(6, 8, 2)), formula("input", (3, 6, 9, 10)))
block_case("bottleneck.safetensors", Bottleneck(12, 4, 2, downsample(12, 16, 2)), formula("input", (3, 12, 9, 10)))
tensors = {}
for variant in ("torch", "keras"):
    for train in (False, True):
        mobilenet_case(tensors, variant, train)
save("mobilenet_025.safetensors", tensors)
