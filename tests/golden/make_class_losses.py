#!/usr/bin/env python3
"""Golden values of the losses with parameters per class and of the margin loss, from pytorch-metric-learning in float64.

Writes class_losses.safetensors beside itself (python3 make_class_losses.py; needs torch, pytorch-metric-learning 2.8 and
safetensors). Where that library has no such form (Proxy-NCA as published), the formula is written out plainly here. The tests
read the file and need no Python.
"""
import math
import os

import torch
from pytorch_metric_learning import losses
from pytorch_metric_learning.miners import DistanceWeightedMiner
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(20200613)
torch.set_default_dtype(torch.float64)

N, D, CLASSES, SUB = 20, 12, 6, 3
out = {}


def unit(x):
    return x / x.norm(dim=1, keepdim=True).clamp_min(1e-12)


def record(name, value, **leaves):
    grads = torch.autograd.grad(value, list(leaves.values()), retain_graph=True)
    out[name] = value.detach()
    for key, grad in zip(leaves, grads):
        assert grad.abs().max() > 0, (name, key)
        out[f"{name}.grad_{key}"] = grad


# Class 4 has one picture, class 5 none.
labels = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4])
centres = torch.randn(CLASSES, D)
f = 3 * (centres[labels] + 1.1 * torch.randn(N, D))
proxies = torch.randn(CLASSES, D)
sub_proxies = torch.randn(CLASSES * SUB, D)
# Pictures 2, 6 and 11 are nearly opposite to their proxies: theta > pi - m.
for i in (2, 6, 11):
    f[i] = -2 * proxies[labels[i]] + 0.2 * torch.randn(D)
f.requires_grad_()
out.update(labels=labels, f=f.detach(), proxies=proxies, sub_proxies=sub_proxies)


def with_proxies(loss, name, start):
    """The library's loss with these proxies (D,M where it keeps them so), and the leaf that receives the gradient."""
    leaf = start.clone().requires_grad_()
    # The leaf itself must be in the graph, so it takes the parameter's place.
    del loss._parameters[name]
    object.__setattr__(loss, name, leaf)
    return loss, leaf


def angular(name, loss, start):
    loss, w = with_proxies(loss, "W", start.t().contiguous())
    value = loss(f, labels)
    grad_f, grad_w = torch.autograd.grad(value, [f, w])
    out[name] = value.detach()
    out[f"{name}.grad_f"], out[f"{name}.grad_proxies"] = grad_f, grad_w.t()


sizes = dict(num_classes=CLASSES, embedding_size=D)
cos_own = (unit(f) @ unit(proxies).t())[torch.arange(N), labels]
for m, scale in ((0.5, 64), (0.3, 10)):
    beyond = (cos_own < -math.cos(m)).sum().item()
    assert 0 < beyond < N, beyond
    angular(f"arcface.m{m}", losses.ArcFaceLoss(margin=math.degrees(m), scale=scale, **sizes), proxies)
angular("arcface.sub3", losses.SubCenterArcFaceLoss(margin=math.degrees(0.5), scale=64, sub_centers=SUB, **sizes), sub_proxies)
angular("cosface.m0.35", losses.CosFaceLoss(margin=0.35, scale=64, **sizes), proxies)
angular("cosface.m0.1", losses.CosFaceLoss(margin=0.1, scale=10, **sizes), proxies)


# ---- proxies ----
def of_proxies(name, loss):
    loss, p = with_proxies(loss, "proxies", proxies)
    record(name, loss(f, labels), f=f, proxies=p)


for scale in (1, 3):
    of_proxies(f"proxy_nca.scale{scale}", losses.ProxyNCALoss(softmax_scale=scale, **sizes))
of_proxies("proxy_anchor.a32", losses.ProxyAnchorLoss(margin=0.1, alpha=32, **sizes))
of_proxies("proxy_anchor.a8", losses.ProxyAnchorLoss(margin=0.3, alpha=8, **sizes))
# As published the sum leaves the own proxy out, which the library does not offer.
p = proxies.clone().requires_grad_()
d2 = (unit(f)[:, None] - unit(p)[None]).pow(2).sum(2)
own = torch.nn.functional.one_hot(labels, CLASSES).bool()
record("proxy_nca.exclude_own", (d2[own] + torch.logsumexp((-d2).masked_fill(own, -math.inf), 1)).mean(), f=f, proxies=p)

# ---- margin loss ----
betas = 1.0 + 0.3 * torch.rand(CLASSES)
triplets = DistanceWeightedMiner()(f.detach(), labels)
assert len(set(zip(*(t.tolist() for t in triplets)))) < len(triplets[0])  # some drawn more than once
out.update(betas=betas, **{key: t for key, t in zip(("anchors", "positives", "negatives"), triplets)})
for suffix, start in (("one", torch.tensor([1.2])), ("per_class", betas)):
    for name, chosen in (("all", None), ("triplets", triplets)):
        loss = losses.MarginLoss(margin=0.2, learn_beta=True, num_classes=CLASSES if len(start) > 1 else None)
        loss, beta = with_proxies(loss, "beta", start)
        record(f"margin.{name}.{suffix}", loss(f, labels, chosen), f=f, beta=beta)

save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(HERE, "class_losses.safetensors"))
