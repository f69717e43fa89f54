#!/usr/bin/env python3
"""Golden values of clustering agreement, embedding rank and eigenvalues, from scikit-learn and NumPy in float64.

Writes metrics.safetensors beside itself (python3 make_metrics.py; needs numpy, scikit-learn and safetensors). The tests read the file and
need no Python.
"""
import os

import numpy as np
from safetensors.numpy import save_file
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20190616)
out = {}

# Pairs of labellings: unrelated, related, refined, of unequal numbers of classes, one against many, each in its own.
n = 300
classes = rng.integers(0, 12, n)
related = np.where(rng.random(n) < 0.6, classes, rng.integers(0, 12, n))
pairs = {
    "unrelated": (classes, rng.integers(0, 9, n)),
    "related": (classes, related),
    "renumbered": (classes, (classes * 7 + 3) % 1000 - 500),
    "refined": (classes, classes * 4 + rng.integers(0, 4, n)),
    "one_against_many": (np.zeros(n, int), classes),
    "small_classes": (np.arange(n) // 5, rng.permutation(np.arange(n) // 4)),
    "own_class_each": (np.arange(n), classes),
}
for name, (a, b) in pairs.items():
    out[f"{name}.a"] = a.astype(np.int64)
    out[f"{name}.b"] = b.astype(np.int64)
    out[f"{name}.nmi"] = np.float64(normalized_mutual_info_score(a, b)).reshape(1)
    out[f"{name}.ami"] = np.float64(adjusted_mutual_info_score(a, b)).reshape(1)

# Embeddings with a spectrum that falls; taller than wide, and wider than tall.
for name, (rows, d) in {"tall": (200, 24), "wide": (20, 64)}.items():
    x = (rng.standard_normal((rows, d)) * 0.8 ** np.arange(d) + 3).astype(np.float32)
    values = np.linalg.eigvalsh(np.cov(x.astype(np.float64).T))[::-1].clip(0)
    p = values / values.sum()
    q = p[p > 1e-12]
    out[f"{name}.x"] = x
    out[f"{name}.rank"] = np.array([np.exp(-(q * np.log(q)).sum()), 1 / (p * p).sum(), p[0]])

# A symmetric matrix with a repeated and a zero eigenvalue.
q, _ = np.linalg.qr(rng.standard_normal((30, 30)))
values = np.r_[5.0, 5.0, 5.0, 0.0, -2.0, np.linspace(0.1, 3, 25)]
out["symmetric"] = (q * values) @ q.T
out["eigenvalues"] = np.sort(values)[::-1].copy()

save_file(out, os.path.join(HERE, "metrics.safetensors"))
