#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_style.py - what a machine can see of CONTRIBUTING.md's rules

An error: a source file without its licence line, a file over 600 lines, a function
over 100, a .c file that includes a .c file outside tests/, a lock without a rank,
trailing blanks, a path or an address that only one machine has.  Only named: sources that clang-format
would lay out differently.
"""

import re
import subprocess
import sys

MAX_FILE, MAX_FUNCTION, MAX_COLUMNS = 600, 100, 100
MAX_MESSAGE = 112  # a line with a message in it, which isn't broken, so that it can be searched for
LICENSED = (".c", ".h", ".S", ".py", ".mk", ".dts", ".dtsi", "Kconfig", "Makefile")
UNRANKED = re.compile(r"\bSPINLOCK_INIT\b|\bRWLOCK_INIT\b|\bSEQLOCK_INIT\b|\bspin_lock_init\(|\bmutex_init\("
                      r"|\bDEFINE_MUTEX\(|\bMUTEX_INIT\(")
FOREIGN = re.compile(r"https?://[\w.-]+/debian\b|(?<![\w/.-])/(home|root|tmp|mnt|srv)/\w+")


def listed():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], check=True,
                         capture_output=True, text=True)
    return sorted(out.stdout.split())


def expand(line):
    return len(line.expandtabs(8))


def functions(lines):
    """Yield (first line number, length, name) of each function, in this tree's layout:
    a line that is only '{' opens a body, a line that is only '}' closes it."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            head = " ".join(lines[max(0, start - 4):start - 1])
            names = re.findall(r"(\w+)\s*\(", head)
            yield start, number - start + 1, names[-1] if names else "?"
            start = None


def check_c(path, lines):
    for number, line in enumerate(lines, 1):
        if re.match(r'\s*#\s*include\s*[<"].*\.c[>"]', line) and not path.startswith("tests/"):
            yield f"{path}:{number}: a .c file includes a .c file"
        if path.endswith(".c") and not path.startswith("tests/") and UNRANKED.search(line) \
                and path != "kernel/sched/mutex.c":
            yield f"{path}:{number}: a lock without a rank (docs/locking.md)"
        limit = MAX_MESSAGE if '"' in line else MAX_COLUMNS
        if expand(line) > limit:
            yield f"{path}:{number}: {expand(line)} columns, {limit} are the limit"
    for start, length, name in functions(lines):
        if length > MAX_FUNCTION:
            yield f"{path}:{start}: {name}() has {length} lines, {MAX_FUNCTION} are the limit"


def check(path):
    try:
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return
    is_source = path.endswith(LICENSED) or lines[0].startswith("#!")
    if is_source and not any("SPDX-License-Identifier: BSD-2-Clause" in x for x in lines[:3]):
        yield f"{path}:1: no line 'SPDX-License-Identifier: BSD-2-Clause'"
    if is_source and len(lines) - 1 > MAX_FILE:
        yield f"{path}: {len(lines) - 1} lines, {MAX_FILE} are the limit"
    for number, line in enumerate(lines, 1):
        if is_source and line != line.rstrip():
            yield f"{path}:{number}: blanks at the end of the line"
        if FOREIGN.search(line) and path != "tools/check_style.py":
            yield f"{path}:{number}: a path or an address that only one machine has"
    if path.endswith((".c", ".h", ".S")):
        yield from check_c(path, lines)


def badly_laid_out(paths):
    """The sources that clang-format would change."""
    out = subprocess.run(["clang-format", "--dry-run", *paths], capture_output=True, text=True)
    return sorted({line.split(":")[0] for line in out.stderr.splitlines() if ": warning:" in line})


def main():
    paths = listed()
    messages = [m for path in paths for m in check(path)]
    for message in messages:
        print(message, file=sys.stderr)
    sources = [p for p in paths if p.endswith((".c", ".h"))]
    differ = badly_laid_out(sources)
    if differ:
        print(f"style: clang-format would change {len(differ)} of {len(sources)} files "
              "('make format'): " + " ".join(differ[:4]) + (" ..." if len(differ) > 4 else ""))
    if messages:
        sys.exit(1)
    print(f"style: {len(paths)} files")


if __name__ == "__main__":
    main()
