#!/usr/bin/env python3
"""Golden values of the losses of pairs, from pytorch-metric-learning in float64.

Writes pair_losses.safetensors beside itself (python3 make_pair_losses.py; needs torch, safetensors and pytorch-metric-learning 2.8.1).
What that library does not have, or defines differently, is written out plainly here: Hadsell's contrastive loss, the semi-hard rule of
Park et al. 2019's code, N-pair's penalty. The tests read the file and need no Python.
"""
import os

import torch
import torch.nn.functional as F
from pytorch_metric_learning import distances, losses, miners
from safetensors.torch import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(20191027)
torch.set_default_dtype(torch.float64)

N, D, CLASSES = 20, 12, 5
EUCLID = distances.LpDistance(normalize_embeddings=False)
DOT = distances.DotProductSimilarity(normalize_embeddings=False)
out = {}


def unit(x):
    return x / x.norm(dim=1, keepdim=True)


def record(name, loss, x):
    leaf = x.clone().requires_grad_()
    value = loss(leaf)
    out[name] = value.detach().reshape(())
    out[f"{name}.grad"] = torch.autograd.grad(value, leaf)[0]


# Shuffled, so that the pictures of a class do not stand together; one class has one picture only.
labels = torch.tensor([0, 1, 2, 0, 3, 1, 3, 2, 0, 4, 1, 2, 3, 0, 1, 2, 3, 1, 0, 3])
centres = torch.randn(CLASSES, D)
f = unit(centres[labels] + 0.9 * torch.randn(N, D))
raw = 0.7 * centres[labels] / centres.norm(dim=1).mean() + 0.2 * torch.randn(N, D)  # not of unit length
out.update(labels=labels, f=f, raw=raw)
same = labels[:, None] == labels[None, :]
eye = torch.eye(N, dtype=torch.bool)
positive, negative = same & ~eye, ~same


def euclid(x):
    """Of pairs i != j only; the diagonal has no gradient."""
    d2 = (x[:, None] - x[None, :]).pow(2).sum(2)
    return torch.where(eye, torch.ones(()), d2).sqrt()


# ---- contrastive ----
def hadsell(x, u, m):
    d = euclid(x)
    return torch.cat([(d[positive] - u).clamp_min(0) ** 2, (m - d[negative]).clamp_min(0) ** 2]).mean()


for key, x in (("f", f), ("raw", raw)):
    for u, m in ((0.0, 1.0), (0.7, 1.3)):
        record(f"contrastive.pml.{u}.{m}.{key}", lambda e: losses.ContrastiveLoss(u, m, distance=EUCLID)(e, labels), x)
        record(f"contrastive.hadsell.{u}.{m}.{key}", lambda e: hadsell(e, u, m), x)

# ---- multi-similarity ----
MS = losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5)
for key, x in (("f", f), ("raw", raw)):
    record(f"ms.all.{key}", lambda e: MS(e, labels), x)
    for eps in (0.0, 0.1):
        record(f"ms.mined{eps}.{key}", lambda e: MS(e, labels, miners.MultiSimilarityMiner(epsilon=eps)(e, labels)), x)
record("ms.other.f", lambda e: losses.MultiSimilarityLoss(alpha=5, beta=20, base=0.3)(e, labels), f)

# ---- softmax over pairs ----
rows = torch.tensor([(labels == c).nonzero()[k, 0] for c in range(4) for k in (0, 1)])
for key, x in (("f", f), ("raw", raw)):
    record(f"n_pair.{key}", lambda e: losses.NPairsLoss(distance=DOT)(e, labels), x)
    record(f"n_pair.l2.{key}", lambda e: losses.NPairsLoss(distance=DOT)(e, labels) + 0.02 * e[rows].pow(2).sum(1).mean(), x)
    for t in (0.07, 0.5):
        record(f"nt_xent.{t}.{key}", lambda e: losses.NTXentLoss(temperature=t)(e, labels), x)
    for t in (0.1, 0.5):
        record(f"supcon.{t}.{key}", lambda e: losses.SupConLoss(temperature=t)(e, labels), x)

# ---- triplets ----
for kind in ("easy", "semihard", "hard"):
    miner = miners.TripletMarginMiner(margin=0.2, type_of_triplets=kind, distance=EUCLID)
    assert len(miner(f, labels)[0]) > 5
    hinge = losses.TripletMarginLoss(margin=0.2, distance=EUCLID)
    if kind != "easy":  # beyond the margin the hinge is 0
        record(f"triplet.{kind}.hinge", lambda e: hinge(e, labels, miner(e, labels)), f)
    soft = losses.TripletMarginLoss(margin=0, smooth_loss=True, distance=EUCLID)
    record(f"triplet.{kind}.soft", lambda e: soft(e, labels, miner(e, labels)), f)


def semihard(x, soft):
    d = euclid(x)
    values, fallbacks = [], 0
    for a, p in positive.nonzero().tolist():
        candidates = d[a][negative[a]]
        beyond = candidates[candidates > d[a, p]]
        fallbacks += len(beyond) == 0
        z = d[a, p] - (beyond.min() if len(beyond) else candidates.max())
        values.append(F.softplus(z) if soft else (z + 0.2).clamp_min(0))
    assert 0 < fallbacks < len(values) / 2
    values = torch.stack(values)
    return values.mean() if soft else values[values > 0].mean()


# Wider clusters, so that some positive lies beyond every negative.
wide = unit(centres[labels] + 3 * torch.randn(N, D))
out["wide"] = wide
record("semihard.hinge", lambda e: semihard(e, False), wide)
record("semihard.soft", lambda e: semihard(e, True), wide)

# ---- cross-batch memory: batches of 8, the library's queue of 19 holds the batch too, so ours remembers 11 ----
BATCH, STEPS, KEPT = 8, 5, 11
batches = [(torch.randint(0, 3, (BATCH,)), torch.randn(BATCH, D)) for _ in range(STEPS)]
batches = [(torch.cat([torch.tensor([0, 1, 2, 0, 1, 2]), y[:2]]), x) for y, x in batches]  # nobody without a positive
for t, (y, x) in enumerate(batches):
    out[f"memory.labels{t}"] = y
    out[f"memory.f{t}"] = unit(centres[y] + x)
REMEMBERED = {
    "contrastive": (losses.ContrastiveLoss(0, 1, distance=EUCLID), None),
    "ms": (MS, miners.MultiSimilarityMiner(epsilon=0.1)),
    "ms_all": (MS, None),
    "triplet": (losses.TripletMarginLoss(margin=0.2, distance=EUCLID), None),
}
for name, (loss, miner) in REMEMBERED.items():
    memory = losses.CrossBatchMemory(loss, D, memory_size=KEPT + BATCH, miner=miner)
    for t in range(STEPS):
        record(f"memory.{name}{t}", lambda e: memory(e, out[f"memory.labels{t}"]), out[f"memory.f{t}"])

save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(HERE, "pair_losses.safetensors"))
