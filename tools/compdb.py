#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""compdb.py FLAGS_FILE OUT_DIR OBJECT... - print compile_commands.json for the kernel's sources"""

import json
import os
import sys

with open(sys.argv[1]) as f:
    flags = f.read().strip()
entries = []
for obj in sys.argv[3:]:
    stem = obj[:-2]
    source = stem + (".c" if os.path.exists(stem + ".c") else ".S")
    entries.append({"directory": os.getcwd(), "file": source, "output": f"{sys.argv[2]}/{obj}",
                    "command": f"{flags} -c {source} -o {sys.argv[2]}/{obj}"})
json.dump(entries, sys.stdout, indent=1)
