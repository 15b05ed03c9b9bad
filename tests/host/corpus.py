#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A fuzzer's kept inputs as one text file: hexadecimal digits, an empty line between two inputs.

    corpus.py unpack FILE FOLDER     each input a file of FOLDER, which is emptied first
    corpus.py pack FOLDER FILE       the other way
"""

import pathlib
import re
import sys

WIDTH = 96
HEAD = "# Inputs of a fuzzer: tests/host/corpus.py\n\n"


def unpack(file, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    text = re.sub(r"^#.*$", "", file.read_text(), flags=re.M).strip()
    for number, one in enumerate(re.split(r"\n\s*\n", text)):
        try:
            (folder / f"{number:04}").write_bytes(bytes.fromhex(one))
        except ValueError as why:
            sys.exit(f"corpus.py: {file}: input {number}: {why}")


def pack(folder, file):
    inputs = sorted(x.read_bytes().hex() for x in folder.iterdir())
    file.write_text(HEAD + "\n\n".join(re.sub(f"(.{{{WIDTH}}})(?=.)", r"\1\n", x)
                                       for x in inputs if x) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("pack", "unpack"):
        sys.exit(__doc__)
    {"pack": pack, "unpack": unpack}[sys.argv[1]](*map(pathlib.Path, sys.argv[2:]))
