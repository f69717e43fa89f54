#!/usr/bin/env python3
"""Pages a person can read: every Markdown file in the repository has lines of prose of at most 120 columns (tables and
code may be wider), and every file or folder that it links to or names with a path is there.

usage: scripts/prose.py [FILE.md...]             says what is wrong; exit code 1 where something is
       scripts/prose.py --reflow [FILE.md...]    breaks the paragraphs that are too wide anew, in place
"""
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
WIDTH = 120
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)|src=\"([^\"]+)\"")
# `folder/name`: a file or folder of the source, from the root or from the page. Commands and patterns look otherwise.
PATH = re.compile(r"`([a-z][\w.-]*(?:/[\w.-]+)+/?)`")
# What users' folders and other projects' files are called in our pages.
ELSEWHERE = re.compile(r"^(runs|build[\w-]*|checkpoints|images|car_ims|car_data|cars_\w+|devkit|train|test|pictures)/|\.so$")
ITEM = re.compile(r"^(\s*)([-*+]|\d+\.)(\s+)")
STARTS_BLOCK = re.compile(r"^([-*+#>|]|\d+\.$)")


def blocks(lines):
    """(kind, lines) in order; kind: 'prose' (a paragraph or one item of a list) or 'other'."""
    found, fenced = [], False
    for line in lines:
        fence = line.lstrip().startswith("```")
        if fenced or fence:
            found.append(("other", [line]))
            fenced = fenced != fence
        elif not line.strip() or re.match(r"\s*(\||#|<)", line):
            found.append(("other", [line]))
        elif found and found[-1][0] == "prose" and not ITEM.match(line):
            found[-1][1].append(line)
        else:
            found.append(("prose", [line]))
    return found


def reflowed(paragraph):
    item = ITEM.match(paragraph[0])
    first = item.group(0) if item else re.match(r"\s*", paragraph[0]).group(0)
    text = " ".join(line.strip() for line in paragraph)[len(first.strip()):].strip()
    text = re.sub(r"`[^`]*`", lambda m: m.group(0).replace(" ", "\0") if len(m.group(0)) < 80 else m.group(0), text)
    words = text.split(" ")
    # A line must not begin with what starts a list, a heading or a table.
    text = "".join(("\0" if STARTS_BLOCK.match(w) else " ") + w for w in words)[1:]
    return [line.replace("\0", " ") for line in textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_long_words=False,
        break_on_hyphens=False)]


def is_there(folder, name):
    """Also where a pair of header and source is named without its endings."""
    return any((place / (name + ending)).exists() for place in (ROOT, folder) for ending in ("", ".h", ".cpp", ".cu"))


def complaints(path, lines):
    name = path.relative_to(ROOT)
    number = 0
    for kind, block in blocks(lines):
        for line in block:
            number += 1
            if kind == "prose" and len(line) > WIDTH:
                yield f"{name}:{number}: {len(line)} columns, at most {WIDTH}: scripts/prose.py --reflow {name}"
            for link, _, source in LINK.findall(line):
                target = link or source
                if not re.match(r"\w+:", target) and not (path.parent / target).exists():
                    yield f"{name}:{number}: the link to {target} leads nowhere"
            for target in PATH.findall(line):
                if not ELSEWHERE.search(target) and not is_there(path.parent, target):
                    yield f"{name}:{number}: there is no {target}"


def main(arguments):
    reflow = "--reflow" in arguments
    names = [a for a in arguments if a != "--reflow"] or subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    wrong = 0
    for path in (ROOT / n for n in names):
        lines = path.read_text(encoding="utf-8").splitlines()
        if reflow:
            result = []
            for kind, block in blocks(lines):
                result += reflowed(block) if kind == "prose" and any(len(line) > WIDTH for line in block) else block
            if result != lines:
                path.write_text("\n".join(result) + "\n", encoding="utf-8")
            continue
        for complaint in complaints(path, lines):
            print(complaint)
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
