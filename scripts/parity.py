#!/usr/bin/env python3
"""Is fledge the same as PyTorch on whole networks and real pictures? Both ways.

usage: scripts/parity.py PICTURES [--fledge build/apps/fledge] [--networks resnet18,...] [--keep FOLDER] [--seed N]

PICTURES: a folder of JPEG or PNG files, a few dozen, e.g. ../shared/data/cars196/test/099.
Runs under any Python 3 with torch 1.13 or newer, torchvision, safetensors, numpy and Pillow (fledge itself needs none of them).

For ResNet-18/34/50/101 and MobileNet v1 1.0 and 0.25, each at full size:
 1. torch's own random initialisation; batch norm gets random weights and biases, and as statistics those of these pictures
 2. torch.save -> NETWORK.pth; fledge convert NETWORK.pth -> NETWORK.safetensors
 3. fledge embed --logits on the pictures, and torch's forward pass on the same files (Pillow, torchvision's transforms):
    the largest difference of a logit must stay within 1e-4
 4. fledge convert NETWORK.safetensors -> NETWORK.back.pth, torch.load(weights_only=True), load_state_dict(strict=True):
    the same names, dtypes, shapes and bits as at the start
One line a network. Exit status: 0 all equal, 1 some are not, 2 wrong usage.
"""
import argparse
import csv
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "golden"))
from make_parity import NETWORKS, picture  # noqa: E402

LIMIT = 1e-4
BATCH = 16
ENDINGS = (".jpg", ".jpeg", ".png")


class Failure(Exception):
    """A network that did not come through; the text says why."""


@torch.no_grad()
def random_network(name, pictures, seed):
    """The running statistics are means over batches of these pictures, so the activations of every depth are of order one.
    A residual block's last norms have small weights, as in trained networks: with weights around 1, random ResNet-101s are
    so chaotic that torch's own float32 lies 1.2e-4 from its float64 (logits up to 3.5), and no program could do better."""
    torch.manual_seed(seed)
    net = NETWORKS[name]()
    for path, norm in net.named_modules():
        if not isinstance(norm, torch.nn.BatchNorm2d):
            continue
        norm.weight.uniform_(0.6, 1.4)
        if path.endswith((".bn2", ".bn3")):
            norm.weight.mul_(0.25)
        norm.bias.normal_(0, 0.1)
        norm.momentum = None  # cumulative average
    net.train()
    for start in range(0, min(len(pictures), 2 * BATCH), BATCH):
        net(pictures[start:start + BATCH])
    return net.eval()


@torch.no_grad()
def logits_of(net, pictures):
    return np.concatenate([net(pictures[i:i + BATCH]).numpy() for i in range(0, len(pictures), BATCH)])


def run(*command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        text = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}: " + " | ".join(text[-4:]))


def read_rows(stem, paths):
    """fledge's rows in the order of `paths`. The table's paths may be relative to the folder or not: the file name decides."""
    with open(f"{stem}.tsv", encoding="utf-8", newline="") as f:
        names = [row["path"] for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)]
    values = np.load(f"{stem}.npy")
    if len(names) != len(values):
        raise Failure(f"{len(values)} rows in {stem}.npy, {len(names)} in {stem}.tsv")
    at = {pathlib.PurePosixPath(name).name: i for i, name in enumerate(names)}
    if set(at) != {p.name for p in paths} or len(names) != len(paths):
        raise Failure(f"fledge embedded {len(names)} pictures, not the {len(paths)} of the folder")
    return values[[at[p.name] for p in paths]]


def same_state(path, state):
    """Loads what fledge wrote in the strictest way that torch has; compares bits."""
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise Failure(f"torch does not load {path}: {error}")
    if set(loaded) != set(state):  # load_state_dict alone forgives a missing num_batches_tracked
        raise Failure(f"names differ: {sorted(set(loaded) ^ set(state))[:3]}")
    for name, t in state.items():
        got = loaded[name]
        if got.dtype != t.dtype or got.shape != t.shape:
            raise Failure(f"{name}: {got.dtype} {tuple(got.shape)}, was {t.dtype} {tuple(t.shape)}")
        if got.numpy().tobytes() != t.numpy().tobytes():
            raise Failure(f"{name}: other values")
    return loaded


def check(name, args, folder, paths, pictures):
    net = random_network(name, pictures, args.seed)
    state = {k: v.detach().clone() for k, v in net.state_dict().items()}
    files = {end: folder / (name + end) for end in (".pth", ".safetensors", ".logits", ".back.pth")}
    torch.save(net.state_dict(), files[".pth"])
    run(args.fledge, "convert", files[".pth"], "-o", files[".safetensors"])
    run(args.fledge, "embed", "--model", files[".safetensors"], "--data", folder / "pictures", "--logits", "--output", files[".logits"])
    got, expected = read_rows(files[".logits"], paths), logits_of(net, pictures)
    if got.shape != expected.shape:
        raise Failure(f"logits {got.shape}, torch's {expected.shape}")
    a, b = got.astype(np.float64), expected.astype(np.float64)
    difference = float(np.abs(a - b).max())
    cosine = float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())
    text = f"max difference {difference:.2e} of logits up to {np.abs(b).max():.2f}, least cosine {cosine:.9f}"
    if not difference <= LIMIT:  # a NaN fails too
        raise Failure(text + f": above {LIMIT:g}")
    run(args.fledge, "convert", files[".safetensors"], "-o", files[".back.pth"])
    loaded = same_state(files[".back.pth"], state)
    NETWORKS[name]().load_state_dict(loaded, strict=True)
    if not args.keep:
        for path in filter(pathlib.Path.is_file, folder.iterdir()):
            path.unlink()
    return text + f"; {len(state)} tensors came back bit for bit"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", metavar="PICTURES", type=pathlib.Path)
    parser.add_argument("--fledge", type=pathlib.Path, default=ROOT / "build" / "apps" / "fledge", help="the binary")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="some of " + ",".join(NETWORKS))
    parser.add_argument("--keep", type=pathlib.Path, help="leave all files in this folder")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    names = args.networks.split(",")
    for name in names:
        if name not in NETWORKS:
            parser.error(f"no network {name}; there are {', '.join(NETWORKS)}")
    if not args.fledge.is_file():
        parser.error(f"no binary {args.fledge}; build it (scripts/build.sh) or name it with --fledge")
    paths = sorted(p for p in args.pictures.rglob("*") if p.suffix.lower() in ENDINGS)
    if not paths:
        parser.error(f"no .jpg or .png below {args.pictures}")
    if len({p.name for p in paths}) != len(paths):
        parser.error(f"two pictures below {args.pictures} have one name; give a single class folder")
    pictures = torch.stack([picture(p) for p in paths])
    folder = args.keep or pathlib.Path(tempfile.mkdtemp(prefix="fledge-parity-"))
    folder.mkdir(parents=True, exist_ok=True)
    classes = folder / "pictures"  # fledge reads one folder a class
    classes.mkdir(exist_ok=True)
    if not (classes / "all").exists():
        shutil.copytree(args.pictures, classes / "all")
    failures = 0
    print(f"{len(paths)} pictures, torch {torch.__version__}")
    try:
        for name in names:
            try:
                print(f"{name:18} {check(name, args, folder, paths, pictures)}", flush=True)
            except Failure as failure:
                failures += 1
                print(f"{name:18} FAILED: {failure}", flush=True)
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    sys.exit(main())
