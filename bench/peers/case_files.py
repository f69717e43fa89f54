"""What fledge wrote for a case (apps/bench/shared_case.h), read with numpy alone."""
import json
import os
import struct

import numpy as np

TYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}


def model(path):
    """(tensors by name, metadata) of a safetensors file."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
        tensors = {}
        for name, entry in header.items():
            first, end = entry["data_offsets"]
            type_ = np.dtype(TYPES[entry["dtype"]])
            file.seek(8 + length + first)
            tensors[name] = np.fromfile(file, type_, (end - first) // type_.itemsize).reshape(entry["shape"])
    return tensors, metadata


def array(folder, name):
    return np.load(os.path.join(folder, name + ".npy"))


class WrongResult(Exception):
    """The peer computes something else than fledge: its time would mean nothing."""


def compare(what, own, expected, most):
    """The largest difference of two arrays, of numbers around 1."""
    own, expected = np.asarray(own, np.float64), np.asarray(expected, np.float64)
    if own.shape != expected.shape:
        raise WrongResult(f"its {what} are {list(own.shape)}, fledge's {list(expected.shape)}")
    difference = float(np.abs(own - expected).max())
    if not difference <= most:
        raise WrongResult(f"its {what} differ from fledge's by {difference:.3g}, more than {most:.0e}")
    return difference
