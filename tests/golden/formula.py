"""Numbers made from a name, so that golden weights and pictures need not be stored; tests/support/formula.cpp has the same in C++."""
import numpy as np
import torch


def formula(name, shape):
    """Uniform in [-1, 1), row-major: element i of the tensor `name` is SplitMix64 number i of the seed FNV-1a(name)."""
    seed = 0xCBF29CE484222325
    for c in name.encode():
        seed = ((seed ^ c) * 0x100000001B3) % 2**64
    with np.errstate(over="ignore"):
        i = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
        z = np.uint64(seed) + i * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return torch.from_numpy(2 * u - 1).reshape(shape)
