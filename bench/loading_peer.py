#!/usr/bin/env python3
"""The steps of bench_loading in torchvision: files in memory, one thread, its CPU time.

usage: loading_peer.py FOLDER [SIZE=224] [PICTURES=500] [ROUNDS=7]       needs torch and torchvision
"""
import pathlib
import statistics
import sys
import time

import torch
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2


def steps(size):
    to_floats = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    resize = v2.Resize(size * 256 // 224, antialias=True)
    random_crop = [v2.RandomResizedCrop(size, antialias=True), v2.RandomHorizontalFlip()]
    return {
        "decode": lambda image: image,
        "random crop, normalise": v2.Compose(random_crop + to_floats),
        "resize, random crop, resize, normalise": v2.Compose([resize] + random_crop + to_floats),
        "resize, center crop, normalise": v2.Compose([resize, v2.CenterCrop(size)] + to_floats),
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    size, count, rounds = (int(sys.argv[i]) if len(sys.argv) > i else n for i, n in ((2, 224), (3, 500), (4, 7)))
    torch.set_num_threads(1)
    paths = sorted(folder.rglob("*.jpg"))[:count]
    files = [torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8) for path in paths]
    print(f"{len(files)} pictures, to {size} px\n{'one thread':60} us least   median  most a s    median")
    all_steps = steps(size)
    seconds = {name: [] for name in all_steps}
    for turn in range(rounds + 1):  # the first one warms up
        for name, step in all_steps.items():
            begin = time.thread_time()
            for file in files:
                step(decode_jpeg(file, mode=ImageReadMode.RGB))
            if turn:
                seconds[name].append((time.thread_time() - begin) / len(files))
    for name, taken in seconds.items():
        least, median = min(taken), statistics.median(taken)
        print(f"{name:60} {least * 1e6:8.1f} {median * 1e6:8.1f} {1 / least:9.0f} {1 / median:9.0f}")


if __name__ == "__main__":
    main()
