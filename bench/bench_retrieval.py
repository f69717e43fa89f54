#!/usr/bin/env python3
"""Exact evaluation beside an exact search by FAISS: 60,502 x 512 unit embeddings in 11,316 classes, as Stanford Online Products' test set.

  python3 bench/bench_retrieval.py                          # 2 threads, three rounds; needs numpy and faiss-cpu
  python3 bench/bench_retrieval.py --images 16000 --threads 1 --rounds 5

In turns: `fledge eval --embeddings` (reading the file, Recall@K, MAP@R, intervals: everything) and FAISS's IndexFlatIP searching all rows
for the 11 and the 1,001 nearest (the search alone, in chunks of 4,096 queries, so that its results need little memory). Prints medians
of wall-clock and processor seconds, and the peak of resident memory above the embeddings. FAISS's neighbours also give Recall@1, 10
(and 100, 1000): a check, as float32 ties may differ. On a busy machine compare the processor seconds.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLASSES, IMAGES, SIZE = 11316, 60502, 512


def make(folder, images, noise):
    """Class centres and noise, both normal, then unit length; every class at least twice."""
    import numpy as np

    rng = np.random.default_rng(3)
    classes = max(1, round(CLASSES * images / IMAGES))
    labels = np.sort(np.r_[np.repeat(np.arange(classes), 2), rng.integers(0, classes, images - 2 * classes)])
    x = rng.standard_normal((classes, SIZE), dtype=np.float32)[labels]
    x += noise * rng.standard_normal((images, SIZE), dtype=np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    np.save(os.path.join(folder, "e.npy"), x)
    with open(os.path.join(folder, "e.tsv"), "w") as file:
        file.write("path\tlabel\n" + "".join(f"{i}.jpg\tclass{y}\n" for i, y in enumerate(labels)))


def high_water():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def faiss_child(folder, k, threads):
    """Runs in a process of its own; prints a JSON object."""
    import faiss
    import numpy as np

    faiss.omp_set_num_threads(threads)
    x = np.load(os.path.join(folder, "e.npy"))
    with open(os.path.join(folder, "e.tsv")) as file:
        labels = np.unique([line.split("\t")[1] for line in file][1:], return_inverse=True)[1]
    index = faiss.IndexFlatIP(x.shape[1])
    index.add(x)
    recalls = [r for r in (1, 10, 100, 1000) if r < k]
    hits = np.zeros(len(recalls))
    wall, cpu = 0.0, 0.0
    for first in range(0, len(x), 4096):
        start, used = time.perf_counter(), time.process_time()
        _, nearest = index.search(x[first:first + 4096], k)
        wall, cpu = wall + time.perf_counter() - start, cpu + time.process_time() - used
        own = np.arange(first, first + len(nearest))[:, None]
        hit = (labels[nearest] == labels[own]) & (nearest != own)
        # The query itself takes a place among the k where it is found.
        place = np.cumsum(nearest != own, axis=1)
        hits += [(hit & (place <= r)).any(1).sum() for r in recalls]
    print(json.dumps({"wall": wall, "cpu": cpu, "mib": high_water() - 2 * x.nbytes / 2**20,
                      "recall": dict(zip(map(str, recalls), (hits / len(x)).tolist()))}))


def run_faiss(a, folder, k):
    command = [sys.executable, os.path.abspath(__file__), "--child", folder, str(k), "--threads", str(a.threads)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(a.threads), OPENBLAS_NUM_THREADS=str(a.threads))
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def run_fledge(a, folder, binary):
    """Memory is read from /usr/bin/time, whose child starts small; a child of this process would show this one's."""
    command = ["/usr/bin/time", "-f", "%e %U %S %M", binary, "eval", "--embeddings", folder + "/e.npy", "--table",
               folder + "/e.tsv", "--recall-at", "1,10,100,1000", "--json", "--threads", str(a.threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, user, system, kib = map(float, done.stderr.split("\n")[-2].split())
    metrics = json.loads(done.stdout)
    embeddings = metrics["gallery"] * SIZE * 4 / 2**20
    return {"wall": wall, "cpu": user + system, "mib": kib / 1024 - embeddings,
            "recall": {k: metrics["recall@" + k] for k in ("1", "10", "100", "1000")}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.path.join(ROOT, "build/apps/fledge"))
    parser.add_argument("--other", help="a second fledge, such as one built before a change")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--noise", type=float, default=2.3, help="of a component, beside centres of deviation 1")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--k", default="11,1001", help="FAISS's k; empty: without FAISS")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.child:
        return faiss_child(a.child[0], int(a.child[1]), a.threads)
    runs = {"fledge eval": lambda f: run_fledge(a, f, a.binary)}
    if a.other:
        runs["other fledge"] = lambda f: run_fledge(a, f, a.other)
    for k in filter(None, a.k.split(",")):
        runs[f"FAISS IndexFlatIP k {k}"] = lambda f, k=int(k): run_faiss(a, f, k)
    results = {name: [] for name in runs}
    with tempfile.TemporaryDirectory() as folder:
        make(folder, a.images, a.noise)
        for _ in range(a.rounds):
            for name, run in runs.items():
                results[name].append(run(folder))
    print(f"{a.images} x {SIZE}, {a.threads} threads, medians of {a.rounds}")
    print(f"{'':<26}{'wall s':>9}{'cpu s':>9}{'x cpu':>8}{'MiB above':>11}  recall")
    base = statistics.median(r["cpu"] for r in results["fledge eval"])
    for name, rounds in results.items():
        wall, cpu, mib = (statistics.median(r[key] for r in rounds) for key in ("wall", "cpu", "mib"))
        recall = "  ".join(f"@{k} {100 * v:.2f}" for k, v in rounds[0]["recall"].items())
        print(f"{name:<26}{wall:>9.2f}{cpu:>9.2f}{cpu / base:>8.2f}{mib:>11.0f}  {recall}")


if __name__ == "__main__":
    main()
