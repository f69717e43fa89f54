#!/usr/bin/env python3
"""Writes the attack corpus: files.tar.xz and the list expected.tsv. Writes bytes only; nothing is unpickled or opened.

usage: python3 make_corpus.py [FOLDER]      (default: the folder of this script)

expected.tsv has one line a file: name, expectation, words, what is wrong.
- refuse: Error(BadInput) that names the file, says where, and contains the words (a comma between two; - for none)
- opaque: opens, `weight` = 1 2 3 4 and no other tensor; the words are among the unknown names
- accept: opens, `weight` = 1 2 3 4 and no other tensor;  accept-warn: the same, with a warning that contains the words
- either: opens with `weight` = 1 2 3 4 (the words among the unknown names), or is refused
- nothing: opens without a tensor (the words among the unknown names), or is refused
"""

import io
import os
import sys
import tarfile

import cases_calls
import cases_safetensors
import cases_stream
import cases_tar
import cases_tensors
import cases_zip
from registry import cases

LARGEST = 10240  # what is larger is made by tests/io/hostile_large.cpp


def main():
    here = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    with tarfile.open(os.path.join(here, 'files.tar.xz'), 'w:xz', format=tarfile.USTAR_FORMAT, preset=9) as packed:
        for filename, data, _, _, _ in sorted(cases):
            if len(data) > LARGEST:
                raise SystemExit('%s has %d bytes' % (filename, len(data)))
            member = tarfile.TarInfo('files/' + filename)  # without times and owners: the same bytes every time
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    with open(os.path.join(here, 'expected.tsv'), 'w', encoding='utf-8', newline='\n') as f:
        for filename, _, expect, words, what in sorted(cases):
            f.write('\t'.join((filename, expect, words, what)) + '\n')
    print('%d files, %d bytes' % (len(cases), sum(len(c[1]) for c in cases)))


if __name__ == '__main__':
    main()
