#!/usr/bin/env python3
"""The pictures of README.md, drawn from what is there: docs/results.svg from the Cars-196 table of RESULTS.md,
docs/rooms.svg from the folders' own titles and #include lines.

usage: scripts/pictures.py            draws both
       scripts/pictures.py --check    exit code 1 where a picture is not what would be drawn now
"""
import pathlib
import re
import sys
from html import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent
INK, PALE, STUDENT, TEACHER = "#24292f", "#8c959f", "#1a7f5a", "#57606a"

# What the bars are called, by the row of the table.
BARS = {
    "teacher: MobileNet-0.75, cosine softmax": ("the teacher, MobileNet-0.75", TEACHER),
    "absolute + RKD": ("student taught: absolute + RKD", STUDENT),
    "relative teacher": ("student taught: relative teacher", STUDENT),
    "absolute teacher": ("student taught: absolute teacher", STUDENT),
    "student alone: MobileNet-0.25, cosine softmax": ("student alone, cosine softmax", PALE),
    "student alone: MobileNet-0.25, triplets": ("student alone, triplets", PALE),
}
# Where a room stands: column, row from the top.
ROOMS = {"apps": (0.5, 0), "train": (0.5, 1), "nn": (0, 2), "data": (1, 2), "autograd": (0, 3), "io": (1, 3),
         "tensor": (0.5, 4), "kernels": (0.5, 5), "base": (0.5, 6)}


def svg(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="14" fill="{INK}">\n'
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n")


def text(x, y, words, **style):
    more = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in style.items())
    return f'<text x="{x:g}" y="{y:g}"{more}>{escape(words)}</text>'


def results():
    page = (ROOT / "RESULTS.md").read_text(encoding="utf-8")
    rows = re.search(r"<!-- cars196 -->\n(.*?)<!-- /cars196 -->", page, re.S).group(1).splitlines()
    recalls = {cells[1]: cells[3] for cells in ([c.strip() for c in row.split("|")] for row in rows) if len(cells) > 4}
    left, scale, step = 270, 6.2, 30
    parts = [text(16, 26, "Cars-196: Recall@1 on classes never seen in training, percent", font_weight="bold")]
    for i, (row, (label, color)) in enumerate(BARS.items()):
        y = 46 + i * step
        mean, spread = map(float, recalls[row].split(" ± "))
        end, half = left + scale * mean, scale * spread
        parts += [text(left - 10, y + 15, label, text_anchor="end"),
                  f'<rect x="{left}" y="{y}" width="{scale * mean:.1f}" height="20" fill="{color}"/>',
                  f'<path d="M{end - half:.1f} {y + 10}H{end + half:.1f}" stroke="{INK}" stroke-width="2"/>',
                  text(end + half + 8, y + 15, f"{mean:.1f} ± {spread:.1f}")]
    foot = 46 + len(BARS) * step + 14
    parts.append(text(16, foot, "Mean and standard deviation of three seeds; all rows and settings: RESULTS.md",
                      font_size=12, fill=TEACHER))
    return svg(780, foot + 14, parts)


def uses():
    """Room -> rooms whose headers its sources include, without those that another one brings along."""
    direct = {room: set() for room in ROOMS}
    for room in ROOMS:
        for source in sorted((ROOT / room).rglob("*")):
            if source.suffix in (".h", ".cpp", ".cu"):
                for other in re.findall(r'^#include "(\w+)/', source.read_text(encoding="utf-8"), re.M):
                    if other in ROOMS and other != room:
                        direct[room].add(other)
    reach = {room: set(others) for room, others in direct.items()}
    for _ in ROOMS:
        for room in ROOMS:
            reach[room] |= {far for near in reach[room] for far in reach[near]}
    return {room: sorted(o for o in others if not any(o in reach[n] for n in others)) for room, others in direct.items()}


def rooms():
    width, height, across, down = 316, 46, 372, 76
    place = {room: (32 + x * across, 16 + y * down) for room, (x, y) in ROOMS.items()}
    parts = ['<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
             f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{TEACHER}"/></marker></defs>']
    for room, others in uses().items():
        for other in others:
            (x, y), (u, v) = place[room], place[other]
            lean = (u - x) / 4  # the arrow leaves and arrives beside the middle where rooms stand askew
            parts.append(f'<path d="M{x + width / 2 + lean:g} {y + height}L{u + width / 2 - lean:g} {v}" '
                         f'stroke="{TEACHER}" stroke-width="1.5" marker-end="url(#tip)"/>')
    for room, (x, y) in place.items():
        title = (ROOT / room / "README.md").read_text(encoding="utf-8").splitlines()[0]
        parts += [f'<rect x="{x:g}" y="{y:g}" width="{width}" height="{height}" rx="6" fill="#f6f8fa" stroke="{PALE}"/>',
                  text(x + width / 2, y + 19, room + "/", text_anchor="middle", font_weight="bold"),
                  text(x + width / 2, y + 37, title.partition(": ")[2], text_anchor="middle", font_size=12)]
    return svg(752, 16 + 7 * down - (down - height) + 16, parts)


def main():
    stale = 0
    for name, drawn in (("results", results()), ("rooms", rooms())):
        path = ROOT / "docs" / f"{name}.svg"
        if "--check" not in sys.argv:
            path.write_text(drawn, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != drawn:
            print(f"docs/{name}.svg is not what its sources say: run scripts/pictures.py")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
