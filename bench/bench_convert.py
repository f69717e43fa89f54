"""How long fledge convert and inspect take on the paper's teacher (ResNet-101, 180 MB, a pickled module), beside a plain copy of the file.

usage: python3 bench/bench_convert.py [--fledge build/apps/fledge] [--file FILE] [--rounds 9] [--folder DIR]

Each round runs, one after the other: cp; cp and an fsync of the copy (dd conv=fsync), which is what a converter that may not lose data has to be
measured against; fledge convert to safetensors and to .pth (both fsync); fledge inspect. Printed: median and minimum of the seconds, their ratio
to cp of the same round (median), the largest resident memory, and that as a share of the tensors' bytes. Standard library only.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import teacher_file


def timed(command):
    """(seconds, largest resident memory in MiB)"""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fledge", default="build/apps/fledge")
    parser.add_argument("--file", help="a weight file instead of the one that is made")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", help="where the files go (default: a temporary folder)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        folder = pathlib.Path(folder)
        source = args.file or str(folder / "teacher.pkl")
        if not args.file:
            teacher_file.write(source)
        size = os.path.getsize(source)
        print(f"{os.path.basename(source)}: {size / 1e6:.1f} MB, {args.rounds} rounds")
        commands = {
            "cp": ["cp", source, folder / "copy"],
            "cp + fsync": ["dd", f"if={source}", f"of={folder / 'copy'}", "bs=1M", "conv=fsync"],
            "convert to safetensors": [args.fledge, "convert", source, "-o", folder / "out.safetensors"],
            "convert to .pth": [args.fledge, "convert", source, "-o", folder / "out.pth"],
            "inspect": [args.fledge, "inspect", source],
            "inspect --checksums": [args.fledge, "inspect", source, "--checksums"],
        }
        seconds, memory = {n: [] for n in commands}, {}
        for _ in range(args.rounds):
            for name, command in commands.items():
                for out in folder.glob("[co]*"):
                    out.unlink()
                took, resident = timed(command)
                seconds[name].append(took)
                memory[name] = max(memory.get(name, 0), resident)
        for name, took in seconds.items():
            ratio = statistics.median(t / c for t, c in zip(took, seconds["cp"]))
            print(f"{name:24} median {statistics.median(took):.3f} s, least {min(took):.3f} s, {ratio:5.2f} x cp, "
                  f"{memory[name]:4.0f} MiB = {memory[name] * 2**20 / size:.2f} of the file")


if __name__ == "__main__":
    main()
