#!/usr/bin/env python3
"""Golden values of the losses and optimisers, from PyTorch in float64.

Writes losses.safetensors and optim.safetensors beside itself (python3 make_losses.py; needs torch and safetensors). The losses are
written out plainly here, as in the papers and in the released code of Yu et al. 2019, not taken from a loss library. The tests read the
files and need no Python.
"""
import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(20190616)
torch.set_default_dtype(torch.float64)

N, D, DT, CLASSES = 20, 12, 9, 5
out = {}


def unit(x):
    return x / x.norm(dim=1, keepdim=True).clamp_min(1e-12)


def distances(x):
    """The released code's distance matrix; only pairs i != j are read (the diagonal is masked)."""
    s = (x * x).sum(1)
    d2 = s[:, None] + s[None, :] - 2 * x @ x.t()
    return d2.clamp_min(1e-12).sqrt()


def record(name, value, **leaves):
    grads = torch.autograd.grad(value, list(leaves.values()), retain_graph=True)
    out[name] = value.detach()
    for key, grad in zip(leaves, grads):
        out[f"{name}.grad_{key}"] = grad


# Five clusters, so that batch-hard has active and inactive anchors. One class has one picture only, as lone classes must be left out.
labels = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4])
centres = torch.randn(CLASSES, D)
f = unit(centres[labels] + 1.1 * torch.randn(N, D)).requires_grad_()
g = unit(f.detach() + 0.25 * torch.randn(N, D))           # teacher of the student's size
g_other = unit(torch.randn(N, DT))                        # teacher of another size
raw = (3 * torch.randn(N, D)).requires_grad_()            # not normalised, for RKD
out.update(labels=labels, f=f.detach(), g=g, g_other=g_other, raw=raw.detach())

same = labels[:, None] == labels[None, :]
eye = torch.eye(N, dtype=torch.bool)
positive, negative = same & ~eye, ~same


# ---- triplets ----
def batch_hard(margin, soft):
    d = distances(f)
    values = []
    for i in range(N):
        if not positive[i].any() or not negative[i].any():
            continue
        z = d[i][positive[i]].max() - d[i][negative[i]].min()
        values.append(F.softplus(z) if soft else (z + margin).clamp_min(0))
    return torch.stack(values).mean()


def every_triplet(margin, soft):
    d = distances(f)
    z = torch.cat([(d[a][positive[a]][:, None] - d[a][negative[a]][None, :]).flatten() for a in range(N)])
    if soft:
        return F.softplus(z).mean()
    h = (z + margin).clamp_min(0)
    return h.sum() / (h > 0).sum().clamp_min(1)


for margin in (0.0, 0.2):
    record(f"triplet_hard.hinge{margin}", batch_hard(margin, False), f=f)
    record(f"triplet_all.hinge{margin}", every_triplet(margin, False), f=f)
record("triplet_hard.soft", batch_hard(0, True), f=f)
record("triplet_all.soft", every_triplet(0, True), f=f)

# ---- absolute teacher ----
record("absolute.l2", (f - g).norm(dim=1).mean(), f=f)
record("absolute.l2_eps_inside", ((f - g).abs() + 1e-6).pow(2).sum(1).sqrt().mean(), f=f)
record("absolute.sq", (f - g).pow(2).sum(1).mean(), f=f)
record("absolute.cos", (1 - F.cosine_similarity(f, g, dim=1)).mean(), f=f)

# ---- relative teacher ----
pairs = torch.triu_indices(N, N, 1)


def pair(d):
    return d[pairs[0], pairs[1]]


for suffix, teacher in (("", g), ("_other", g_other)):
    ds, dt = distances(f), distances(teacher)
    difference = torch.where(eye, torch.zeros(()), ds - dt)
    record(f"relative.frobenius{suffix}", difference.norm(p="fro"), f=f)
    record(f"relative.mean_abs{suffix}", pair(ds - dt).abs().mean(), f=f)
    record(f"relative.mean_sq{suffix}", pair(ds - dt).pow(2).mean(), f=f)
ds, dt = distances(raw), distances(g_other)
record("relative.rkd_huber", F.smooth_l1_loss(pair(ds) / pair(ds).mean(), pair(dt) / pair(dt).mean()), raw=raw)
# A teacher with far outliers, so that the linear branch of the Huber loss (|e| > 1) is met too.
outliers = g_other.clone()
outliers[3] *= 40
out["g_outliers"] = outliers
dt = distances(outliers)
e = pair(distances(raw)) / pair(distances(raw)).mean() - pair(dt) / pair(dt).mean()
assert (e.abs() > 1).any() and (e.abs() < 1).any()
record("relative.rkd_huber_outliers", F.smooth_l1_loss(e, torch.zeros_like(e)), raw=raw)

# ---- classification ----
logits = (2 * torch.randn(N, CLASSES)).requires_grad_()
proxies = torch.randn(CLASSES, D).requires_grad_()
out.update(logits=logits.detach(), proxies=proxies.detach())
record("cross_entropy.plain", F.cross_entropy(logits, labels), logits=logits)
record("cross_entropy.smooth0.1", F.cross_entropy(logits, labels, label_smoothing=0.1), logits=logits)
record("cosine_softmax.scale20", F.cross_entropy(20 * unit(raw) @ unit(proxies).t(), labels), raw=raw, proxies=proxies)
save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(HERE, "losses.safetensors"))

# ---- optimisers: five steps of two parameters with the same recorded gradients; the second skips step 2 (no gradient) ----
STEPS, LR = 5, 0.05
w0 = {"a": torch.randn(3, 4), "b": torch.randn(5)}
gradients = [{k: torch.randn_like(v) for k, v in w0.items()} for _ in range(STEPS)]
optim = {f"w0.{k}": v for k, v in w0.items()}
for t, step in enumerate(gradients):
    optim.update({f"grad{t}.{k}": v for k, v in step.items()})


def run(name, make):
    w = {k: v.clone().requires_grad_() for k, v in w0.items()}
    optimizer = make(list(w.values()))
    for t, step in enumerate(gradients):
        for k, p in w.items():
            p.grad = None if k == "b" and t == 2 else step[k].clone()
        optimizer.step()
        if t in (0, STEPS - 1):
            optim.update({f"{name}.{k}.step{t}": v.detach().clone() for k, v in w.items()})


class LegacyAdam:
    """PyTorch 0.3: eps joins sqrt(v) before the bias corrections; coupled weight decay."""

    def __init__(self, params, lr, eps, weight_decay):
        self.state = [(p, torch.zeros_like(p), torch.zeros_like(p), [0]) for p in params]
        self.lr, self.eps, self.weight_decay = lr, eps, weight_decay

    @torch.no_grad()
    def step(self):
        for p, m, v, t in self.state:
            if p.grad is None:
                continue
            t[0] += 1
            grad = p.grad + self.weight_decay * p
            m.mul_(0.9).add_(0.1 * grad)
            v.mul_(0.999).add_(0.001 * grad * grad)
            size = self.lr * (1 - 0.999 ** t[0]) ** 0.5 / (1 - 0.9 ** t[0])
            p.sub_(size * m / (v.sqrt() + self.eps))


# eps is large here: with 1e-8 the two placements could not be told apart.
run("adam", lambda p: torch.optim.Adam(p, lr=LR, eps=1e-2, weight_decay=0.03))
run("adam_legacy", lambda p: LegacyAdam(p, LR, 1e-2, 0.03))
run("adamw", lambda p: torch.optim.AdamW(p, lr=LR, eps=1e-2, weight_decay=0.3))
run("sgd", lambda p: torch.optim.SGD(p, lr=LR, weight_decay=0.03))
run("sgd_momentum", lambda p: torch.optim.SGD(p, lr=LR, momentum=0.9, weight_decay=0.03))
run("sgd_nesterov", lambda p: torch.optim.SGD(p, lr=LR, momentum=0.9, nesterov=True, weight_decay=0.03))

# ---- schedules: PyTorch's rates at steps 0.. ----
dummy = torch.zeros(1, requires_grad=True)


def rates(make, steps):
    optimizer = torch.optim.SGD([dummy], lr=0.1)
    schedule = make(optimizer)
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return torch.tensor(values)


S = torch.optim.lr_scheduler
optim["schedule.cosine"] = rates(lambda o: S.CosineAnnealingLR(o, T_max=20, eta_min=0.001), 21)
optim["schedule.step"] = rates(lambda o: S.MultiStepLR(o, milestones=[4, 9], gamma=0.3), 12)
save_file({k: v.contiguous() for k, v in optim.items()}, os.path.join(HERE, "optim.safetensors"))
