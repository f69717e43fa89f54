#!/usr/bin/env python3
"""The PyTorch side of bench/compare.sh: the same cases as bench_models, eager, float32, in one layout.

usage: torch_peer.py CASE [--threads N] [--seconds S] [--size PX] [--layout nchw|nhwc]
prints case, median ms per image, minimum, repetitions, peak MiB (tab-separated).
"""
import argparse, resource, time
import torch, torchvision
from torch import nn
from torch.nn import functional as F


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
        else:
            net = getattr(torchvision.models, arch)(weights=None)
            features, net.fc = net.fc.in_features, nn.Identity()
            self.trunk = net
        self.feat = nn.Linear(features, 512)

    def forward(self, x):
        return F.normalize(self.feat(self.trunk(x)))


def read_model(parts):
    arch = parts.pop(0)
    return Embedder(arch, float(parts.pop(0)) if "." in parts[0] else 1.0)


def build(case, size, layout):
    parts = case.split(":")
    mode, first = parts.pop(0), None
    fmt = torch.channels_last if layout == "nhwc" else torch.contiguous_format
    first = read_model(parts).to(memory_format=fmt)
    student = read_model(parts).to(memory_format=fmt) if mode == "distill" else first
    batch = int(parts[0])
    images = torch.randn(batch, 3, size, size).to(memory_format=fmt)
    if mode == "infer":
        first.eval()
        def body():
            with torch.inference_mode():
                first(images)
        return body, batch
    optimizer = torch.optim.SGD(student.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    target = torch.randn(batch, 512)
    if mode == "distill":
        first.eval()
    def body():
        goal = target
        if mode == "distill":
            with torch.no_grad():
                goal = first(images)
        loss = (student(images) - goal).norm(dim=1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return body, batch


def main():
    p = argparse.ArgumentParser()
    p.add_argument("case")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--layout", default="nhwc", choices=["nchw", "nhwc"])
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    body, batch = build(a.case, a.size, a.layout)
    body(); body()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < a.seconds:
        start = time.perf_counter()
        body()
        times.append(1e3 * (time.perf_counter() - start) / batch)
    times.sort()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{a.case}\t{times[len(times) // 2]:.4f}\t{times[0]:.4f}\t{len(times)}\t{peak:.0f}")


main()
