#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""check_layers.py - includes go to the own or a lower layer, and never in a circle

Every file belongs to a layer by its folder.  An include that points upwards is an
error unless HOOKS declares it, with its reason; a declared hook that nothing uses
is an error too, so that the list stays the truth.
"""

import os
import re
import subprocess
import sys

# Lowest first: (layer, its folders or files).  The longest match counts.  Of arch/ only the
# contract <asm/*.h> is below core; what implements it reports by log and panic, so it
# stands beside core.
LAYERS = [
    ("base", ["include/base/"]),
    ("lib", ["include/lib/", "lib/"]),
    ("arch", ["arch/riscv/include/"]),
    ("core", ["include/kernel/", "kernel/core/", "arch/riscv/"]),
    ("mm", ["include/mm/", "mm/"]),
    ("sched", ["include/sched/", "kernel/sched/"]),
    ("drivers", ["include/drivers/", "drivers/"]),
    ("shell", ["include/shell/", "kernel/shell/", "tests/kernel/"]),
    ("main", ["kernel/main.c"]),
]

# Upward needs that are part of the design: (folder or file that includes, header): reason.
HOOKS = {
}

SEARCH = ["include/", "arch/riscv/include/"]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def layer_of(path):
    """Index of the layer that @path belongs to, None outside the kernel."""
    best = None
    for index, (_, folders) in enumerate(LAYERS):
        for folder in folders:
            if path.startswith(folder) and (best is None or len(folder) > best[0]):
                best = (len(folder), index)
    return None if best is None else best[1]


def resolve(source, quote, name):
    """The file of this tree that an #include means, or None for others' headers."""
    places = [os.path.dirname(source) + "/"] if quote == '"' else []
    for place in places + SEARCH:
        path = os.path.normpath(place + name)
        if os.path.exists(path):
            return path
    return None


def hook_for(source, header):
    for (folder, hook), _ in HOOKS.items():
        if header == hook and source.startswith(folder):
            return (folder, hook)
    return None


def upward(graph):
    """Messages for includes that point upwards and hooks that nobody needs."""
    messages, used = [], set()
    for source, headers in graph.items():
        for header in headers:
            own, other = layer_of(source), layer_of(header)
            if own is None or other is None or other <= own:
                continue
            hook = hook_for(source, header)
            used.add(hook)
            if hook is None:
                messages.append(f"{source} ({LAYERS[own][0]}) includes {header} "
                                f"({LAYERS[other][0]}), which is a higher layer")
    for hook in HOOKS:
        if hook not in used:
            messages.append(f"tools/check_layers.py: the hook {hook} is not used any more")
    return messages


def cycles(graph):
    """A message for each circle of includes among headers."""
    messages, done = [], set()

    def visit(path, trail):
        if path in trail:
            circle = trail[trail.index(path):] + [path]
            messages.append("circle of includes: " + " -> ".join(circle))
        elif path not in done:
            for header in graph.get(path, []):
                visit(header, trail + [path])
            done.add(path)

    for path in sorted(graph):
        visit(path, [])
    return messages


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.c", "*.h", "*.S"], check=True,
                            capture_output=True, text=True).stdout.split()
    graph = {}
    for path in filter(os.path.exists, listed):
        with open(path) as f:
            found = [resolve(path, q, name) for q, name in INCLUDE.findall(f.read())]
        graph[path] = [h for h in found if h]
    messages = upward(graph) + cycles(graph)
    for path in graph:
        if layer_of(path) is None and not path.startswith(("tests/", "tools/", "boards/")):
            messages.append(f"{path} belongs to no layer: tools/check_layers.py lists them")
    for message in messages:
        print(message, file=sys.stderr)
    if messages:
        sys.exit(1)
    print(f"layers: {len(graph)} files, {len(HOOKS)} declared hooks, nothing points upwards")


if __name__ == "__main__":
    main()
