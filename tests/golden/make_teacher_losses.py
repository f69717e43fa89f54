#!/usr/bin/env python3
"""Golden values of the losses with which a student learns from a teacher, from PyTorch in float64.

Writes teacher_losses.safetensors beside itself (python3 make_teacher_losses.py; needs torch and safetensors). Written out plainly after
the papers and their authors' code: Park et al. 2019 (distance, angle, DarkRank's hard form, hints, attention), Passalis and Tefas 2018,
Kim et al. 2021; DarkRank's soft form and the forms with options of our own follow their formulas order by order. The absolute and
relative teacher are in make_losses.py.
"""
import itertools
import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(20190617)
torch.set_default_dtype(torch.float64)

N, D, DT = 14, 7, 5
out = {}


def pdist(x):
    s = (x * x).sum(1)
    d = (s[:, None] + s[None, :] - 2 * x @ x.t()).clamp_min(1e-12).sqrt()
    return torch.where(torch.eye(len(x), dtype=torch.bool), torch.zeros(()), d)


def record(name, value, number=None, **leaves):
    grads = torch.autograd.grad(value, list(leaves.values()), retain_graph=True)
    out[name] = value.detach()
    if number is not None:
        out[f"{name}.number"] = torch.as_tensor(number).detach().clone()
    for key, grad in zip(leaves, grads):
        out[f"{name}.grad_{key}"] = grad


raw = (1.5 * torch.randn(N, D)).requires_grad_()     # not normalised, as Park et al. and Kim et al. train
f = F.normalize(torch.randn(N, D)).requires_grad_()  # as ours and Yu et al.
g = F.normalize(torch.randn(N, DT))
g_far = g.clone()
g_far[3] *= 40  # an outlier for the linear branch of the Huber loss
g_twice = g.clone()
g_twice[5] = g_twice[2]  # two copies of a picture: no direction between them
out.update(raw=raw.detach(), f=f.detach(), g=g, g_far=g_far, g_twice=g_twice)
students = {"raw": raw, "f": f}
off = ~torch.eye(N, dtype=torch.bool)


# ---- relational distillation ----
def rkd_distance(student, teacher):
    dt, ds = pdist(teacher), pdist(student)
    dt, ds = dt / dt[dt > 0].mean(), ds / ds[ds > 0].mean()
    return F.smooth_l1_loss(ds, dt), (ds - dt).abs()[off].mean(), (ds - dt).abs().max()


def directions(x):
    return F.normalize(x[None] - x[:, None], p=2, dim=2)


def rkd_angle(student, teacher):
    es, et = directions(student), directions(teacher)
    s, t = torch.bmm(es, es.transpose(1, 2)), torch.bmm(et, et.transpose(1, 2))
    return F.smooth_l1_loss(s.view(-1), t.view(-1)), (s - t).abs().mean(), (s - t).abs().max()


for key, student in students.items():
    for suffix, teacher in (("g", g), ("g_far", g_far), ("g_twice", g_twice)):
        value, error, largest = rkd_distance(student, teacher)
        assert suffix != "g_far" or largest > 1
        record(f"rkd_distance.{key}.{suffix}", value, error, **{key: student})
        value, error, largest = rkd_angle(student, teacher)
        assert largest > 1
        record(f"rkd_angle.{key}.{suffix}", value, error, **{key: student})


# ---- DarkRank ----
def lists(student, teacher, alpha, beta, length):
    st, ss = -alpha * pdist(teacher).pow(beta), -alpha * pdist(student).pow(beta)
    index = st.sort(dim=1, descending=True)[1][:, 1:length + 1]
    return st.gather(1, index), ss.gather(1, index)


def log_p(scores):
    return sum(scores[:, i] - scores[:, i:].logsumexp(1) for i in range(scores.shape[1]))


def agreement(ss):
    same = [(ss[:, a] >= ss[:, b]).double() for a, b in itertools.combinations(range(ss.shape[1]), 2)]
    return torch.stack(same).mean()


def soft(st, ss):
    total = torch.zeros(())
    for order in itertools.permutations(range(ss.shape[1])):
        lt, ls = log_p(st[:, list(order)]), log_p(ss[:, list(order)])
        total = total + (lt.exp() * (lt - ls)).mean()
    return total


for key, student in students.items():
    for alpha, beta, length in ((3, 3, 4), (2, 1.5, 3), (1, 2, 5)):
        st, ss = lists(student, g, alpha, beta, length)
        record(f"darkrank.{key}.hard{length}", -log_p(ss).mean(), agreement(ss), **{key: student})
        record(f"darkrank.{key}.soft{length}", soft(st, ss), agreement(ss), **{key: student})


# ---- probabilistic knowledge transfer ----
def pkt(student, teacher, diagonal, eps=1e-7):
    cosines, shares = [], []
    for x in (student, teacher):
        x = x / (x.pow(2).sum(1, keepdim=True).sqrt() + eps)
        cosines.append(x @ x.t())
        k = (cosines[-1] + 1) / 2
        k = k if diagonal else torch.where(off, k, torch.zeros(()))
        shares.append(k / k.sum(1, keepdim=True))
    terms = shares[1] * torch.log((shares[1] + eps) / (shares[0] + eps))
    return terms.mean() if diagonal else terms[off].mean(), (cosines[0] - cosines[1]).abs()[off].mean()


# ---- relaxed contrastive ----
def relaxed_contrastive(student, teacher, sigma, delta):
    dt, ds = pdist(F.normalize(teacher)), pdist(student)
    w, d = torch.exp(-dt.pow(2) / sigma), ds / ds.mean(1, keepdim=True)
    terms = w * d.pow(2) + (1 - w) * (delta - d).clamp_min(0).pow(2)
    return terms[off].sum() / N, (d - dt / dt.mean(1, keepdim=True)).abs()[off].mean()


for key, student in students.items():
    record(f"pkt.{key}.diagonal", *pkt(student, g, True), **{key: student})
    record(f"pkt.{key}.pairs", *pkt(student, g, False), **{key: student})
    record(f"relaxed.{key}.1_1", *relaxed_contrastive(student, g, 1, 1), **{key: student})
    record(f"relaxed.{key}.0.5_1.3", *relaxed_contrastive(student, 3 * g, 0.5, 1.3), **{key: student})

# ---- maps: the teacher's of the student's size, larger, smaller, and larger one way and smaller the other ----
a = torch.randn(3, 4, 4, 5).relu().requires_grad_()
w = torch.randn(6, 4, 1, 1).requires_grad_()
out.update(a=a.detach(), w=w.detach())


def axis(x, size, dim):
    """One axis: adaptive average where it shrinks, linear where it grows."""
    sizes = list(x.shape[2:])
    if size == sizes[dim]:
        return x
    grows = size > sizes[dim]
    sizes[dim] = size
    return F.interpolate(x, sizes, mode="bilinear", align_corners=False) if grows else F.adaptive_avg_pool2d(x, sizes)


def resized(x, like):
    return axis(axis(x, like.shape[3], 1), like.shape[2], 0)


def attention(x):
    return F.normalize(x.view(len(x), -1))


for name, size in (("same", (4, 5)), ("double", (8, 10)), ("larger", (7, 8)), ("smaller", (2, 3)), ("mixed", (6, 3)), ("pixel", (1, 1))):
    teacher = torch.randn(3, 6, *size).relu()
    out[f"maps.{name}"] = teacher
    out[f"resized.{name}"] = resized(teacher, a)
    loss = (F.conv2d(a, w) - resized(teacher, a)).pow(2).mean()
    relative = loss / resized(teacher, a).pow(2).mean()
    record(f"hint.{name}", loss, relative, a=a, w=w)
    record(f"hint_normalized.{name}", relative, relative, a=a, w=w)
    qs, qt = attention(a.pow(2).mean(1)), attention(resized(teacher.pow(2).mean(1, keepdim=True), a))
    record(f"attention.{name}", (qs - qt).pow(2).mean(), (qs * qt).sum(1).mean(), a=a)

# ---- absolute teacher through a projection ----
p = torch.randn(DT, D).requires_grad_()
out["p"] = p.detach()
projected = F.normalize(f @ p.t())
record("projected.l2", (projected - g).norm(dim=1).mean(), f=f, p=p)
record("projected.sq", (projected - g).pow(2).sum(1).mean(), f=f, p=p)

save_file({k: v.clone().contiguous() for k, v in out.items()}, os.path.join(HERE, "teacher_losses.safetensors"))
