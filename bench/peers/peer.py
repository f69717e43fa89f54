#!/usr/bin/env python3
"""One program beside fledge, at one case: what `fledge bench --against` starts for each turn (apps/bench/peers.h). Prints
one JSON object.

usage: peer.py --probe PEER                    {"version": ...}, or {"error": ...} where it cannot be used
       peer.py --prepare CASE --folder F       writes the files that some peers read, of those that fledge wrote in F
       peer.py PEER CASE --folder F [--variant default|tuned] [--threads N] [--seconds S] [--size PX] ...
The last one first compares its results with fledge's (an error where they differ), then times: median_ms, minimum_ms,
cpu_ms of a step, steps, peak_mib, reserved_mib, difference.

A peer is a module with version(peer) and Work(options), which has
  check()    the largest difference from fledge's results; raises case_files.WrongResult
  run()      one step, or one batch
  times(n)   on a GPU: milliseconds a step, n of them by events
"""
import argparse
import importlib
import json
import resource
import sys
import time

MODULES = {"torch": "torch_peer", "torch-compile": "torch_peer", "onnxruntime": "runtime_peers",
           "openvino": "runtime_peers", "ncnn": "runtime_peers", "torchvision": "picture_peers",
           "opencv": "picture_peers", "pillow": "picture_peers", "faiss": "faiss_peer"}


def options():
    p = argparse.ArgumentParser()
    p.add_argument("peer", nargs="?", choices=MODULES)
    p.add_argument("case", nargs="?", default="")
    p.add_argument("--probe", choices=MODULES)
    p.add_argument("--prepare")
    p.add_argument("--folder", default=".")
    p.add_argument("--variant", default="tuned")
    p.add_argument("--device", default="cpu")
    p.add_argument("--precision", default="f32", choices=["f32", "tf32", "bf16", "int16", "int8"])
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--since", type=int, default=0)
    a = p.parse_args()
    parts = (a.prepare or a.case).split(":")
    a.mode, a.cuda = parts[0], a.device.startswith("cuda")
    a.batch = 1 if a.mode in ("start", "") else int(parts[-1])
    return a


def prepare(a):
    if a.mode not in ("infer", "start"):
        return
    import ncnn_file
    import onnx_file
    model = a.folder + "/model.safetensors"
    onnx_file.write(model, a.folder + "/model.onnx", a.batch, a.size)
    ncnn_file.write(model, a.folder + "/model.param", a.folder + "/model.bin", a.size)


def timing(times, cpu, steps):
    times = sorted(times)
    return dict(median_ms=times[len(times) // 2], minimum_ms=times[0], cpu_ms=cpu / steps, steps=steps)


def once(work):
    start, cpu = time.perf_counter(), time.process_time()
    work.run()
    return timing([1e3 * (time.perf_counter() - start)], 1e3 * (time.process_time() - cpu), 1)


def on_cpu(work, seconds):
    for _ in range(2):  # plans, moments, memory
        work.run()
    times, begin, cpu = [], time.perf_counter(), time.process_time()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        work.run()
        times.append(1e3 * (time.perf_counter() - start))
    return timing(times, 1e3 * (time.process_time() - cpu), len(times))


def on_gpu(work, seconds):
    """Windows of about 50 ms."""
    for _ in range(5):  # plans, compilation, moments
        work.run()
    work.forget_memory()
    steps = max(1, min(1000, round(50 / work.times(3))))
    times, begin, cpu = [], time.perf_counter(), time.process_time()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        times.append(work.times(steps))
    return timing(times, 1e3 * (time.process_time() - cpu), len(times) * steps)


def measure(a):
    module = importlib.import_module(MODULES[a.peer])
    work = module.Work(a)
    if a.mode == "start":  # a program that embeds one picture
        work.run()
        result = timing([1e-6 * (time.monotonic_ns() - a.since)], 1e3 * time.process_time(), 1)
        return dict(result, difference=work.check(), **memory(a, work))
    difference = work.check()
    result = once(work) if a.mode == "retrieval" else on_gpu(work, a.seconds) if a.cuda else on_cpu(work, a.seconds)
    return dict(result, difference=difference, **memory(a, work))


def memory(a, work):
    if a.cuda:
        return work.memory()
    return dict(peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, reserved_mib=0)


def main():
    a = options()
    if a.probe:
        return dict(version=importlib.import_module(MODULES[a.probe]).version(a.probe, a))
    if a.prepare:
        prepare(a)
        return {}
    return measure(a)


if __name__ == "__main__":
    try:
        result = main()
    except Exception as e:
        result = dict(error=(str(e).strip().splitlines() or [type(e).__name__])[0])
    print(json.dumps(result), flush=True)
    sys.exit(0)
