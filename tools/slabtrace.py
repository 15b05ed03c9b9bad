#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""slabtrace - who allocates small objects: what `trace --raw` printed, by call site and over time

    hartwood> trace on kmalloc kfree kmem_cache_alloc kmem_cache_free
    hartwood> ...
    hartwood> trace off; trace --raw

    tools/slabtrace.py CONSOLE [-n SITES] [-o slab.svg] [--from US] [--to US] [--width PIXELS]

CONSOLE is a console's transcript, or - for standard input; the last trace in it counts.  The table
has the call sites that allocated most bytes: how often, how many bytes, and what of it wasn't freed
again within the trace.  The drawing has bytes in use over time, stacked by call site, relative to
the beginning: what was there before isn't known; where more of that was freed than allocated, the
line of the sum goes below zero.
"""

import argparse
import collections
import html
import importlib.machinery
import importlib.util
import os
import re
import sys
from dataclasses import dataclass

TOP = os.path.dirname(os.path.abspath(__file__))
ALLOC = {"kmalloc", "kmem_cache_alloc"}
FREE = {"kfree", "kmem_cache_free"}
COLOURS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#e08a3c", "#8899aa"]
LEFT, RIGHT, ABOVE, BELOW, HEIGHT, LINE = 90, 20, 30, 40, 360, 18


def trace_tool():
    """tools/trace, which knows the format."""
    loader = importlib.machinery.SourceFileLoader("trace_tool", os.path.join(TOP, "trace"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("trace_tool", loader))
    write, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = write
    return module


def names(text):
    """{address: name} from the lines `site ADDRESS NAME`."""
    return {int(m[1], 16): m[2] for m in
            re.finditer(r"^site ([0-9a-f]+) (\S+)\r?$", text, re.MULTILINE)}


@dataclass
class Site:
    name: str
    allocs: int = 0
    bytes: int = 0
    live: int = 0       # allocations that nobody freed
    live_bytes: int = 0


class Use:
    """Allocations of a trace."""

    def __init__(self, trace, name_of):
        self.sites = {}
        self.steps = []     # (us, site's address or None, change in bytes)
        self.allocs = self.frees = self.unknown = 0
        alive = {}          # object: (site, bytes)
        for us, _, event, nbytes, address, site in trace.events:
            if event in ALLOC:
                self.allocs += 1
                alive[address] = site, nbytes
                self.count(site, name_of).allocs += 1
                self.sites[site].bytes += nbytes
                self.steps.append((us, site, nbytes))
            elif event in FREE:
                self.frees += 1
                who, nbytes = alive.pop(address, (None, nbytes))
                self.unknown += who is None
                self.steps.append((us, who, -nbytes))
        for site, nbytes in alive.values():
            self.sites[site].live += 1
            self.sites[site].live_bytes += nbytes

    def count(self, site, name_of):
        return self.sites.setdefault(site, Site(name_of.get(site, f"0x{site:x}")))

    def top(self, number):
        """[(address, Site)], most bytes first."""
        return sorted(self.sites.items(), key=lambda x: (-x[1].bytes, x[1].name))[:number]


def table(use, number):
    yield (f"{use.allocs} allocations at {len(use.sites)} call sites, {use.frees} releases, "
           f"{use.unknown} of them of what was allocated before")
    yield f"{'allocs':>8} {'bytes':>10} {'not freed':>10} {'bytes':>10}  call site"
    for _, site in use.top(number):
        yield (f"{site.allocs:8} {site.bytes:10} {site.live:10} {site.live_bytes:10}  "
               f"{site.name}")


# ---- over time ----

def columns(use, shown, start, end, number):
    """Bytes in use of each of @shown, of other sites, and in all, at @number moments."""
    now = collections.Counter()
    found, steps, at = [], use.steps, 0
    for column in range(number):
        until = start + (end - start) * (column + 1) / number
        while at < len(steps) and steps[at][0] <= until:
            us, site, change = steps[at]
            now["all"] += change
            if site is not None:
                now[site if site in shown else "others"] += change
            at += 1
        found.append([now[site] for site in shown] + [now["others"], now["all"]])
    return found


def area(lower, upper, x, y):
    points = [(x(i), y(value)) for i, value in enumerate(upper)]
    points += [(x(i), y(value)) for i, value in reversed(list(enumerate(lower)))]
    return " ".join(f"{px:.1f},{py:.1f}" for px, py in points)


def draw(use, number=8, start=None, end=None, width=1200):
    shown = [address for address, _ in use.top(min(number, len(COLOURS) - 1))]
    last = use.steps[-1][0] if use.steps else 0.0
    start, end = start or 0.0, max(last if end is None else end, (start or 0.0) + 1e-3)
    data = columns(use, shown, start, end, max((width - LEFT - RIGHT) // 2, 2))
    most = max([sum(row[:-1]) for row in data] + [row[-1] for row in data] + [1])
    least = min([row[-1] for row in data] + [0])
    height = ABOVE + HEIGHT + BELOW + LINE * (len(shown) + 2)
    out = []

    def x(i):
        return LEFT + i * (width - LEFT - RIGHT) / (len(data) - 1)

    def y(value):
        return ABOVE + (most - value) * HEIGHT / (most - least)

    def text(px, py, what, anchor="start"):
        out.append(f'<text x="{px:.1f}" y="{py:.1f}" text-anchor="{anchor}">{html.escape(what)}'
                   '</text>')

    lower = [0] * len(data)
    labels = [use.sites[site].name for site in shown] + ["other call sites"]
    for i, label in enumerate(labels):
        upper = [low + row[i] for low, row in zip(lower, data)]
        out.append(f'<polygon class="site" points="{area(lower, upper, x, y)}" '
                   f'fill="{COLOURS[i]}"><title>{html.escape(label)}</title></polygon>')
        at = ABOVE + HEIGHT + BELOW + LINE * i
        out.append(f'<rect x="{LEFT}" y="{at - 10}" width="12" height="12" fill="{COLOURS[i]}"/>')
        text(LEFT + 18, at, label)
        lower = upper
    line = " ".join(f"{x(i):.1f},{y(row[-1]):.1f}" for i, row in enumerate(data))
    out.append(f'<polyline class="sum" points="{line}" fill="none" stroke="black"/>')
    for value in {least, 0, most}:
        out.append(f'<line x1="{LEFT}" x2="{width - RIGHT}" y1="{y(value):.1f}" '
                   f'y2="{y(value):.1f}" stroke="#ccc"/>')
        text(LEFT - 6, y(value) + 4, f"{value} B", "end")
    text(LEFT, ABOVE - 12, "bytes in use of what was allocated within the trace, by call site; "
         "black: less what was freed of before")
    text(LEFT, ABOVE + HEIGHT + 16, f"{start:.0f} us")
    text(width - RIGHT, ABOVE + HEIGHT + 16, f"{end:.0f} us", "end")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" '
            'fill="white"/>\n' + "\n".join(out) + "\n</svg>\n")


def read(console):
    if console == "-":
        return sys.stdin.read()
    with open(console, errors="replace") as f:
        return f.read()


def main():
    parser = argparse.ArgumentParser(description="who allocates small objects, and when")
    parser.add_argument("console", help="what the console printed, or -")
    parser.add_argument("-n", type=int, default=20, metavar="SITES", help="lines of the table")
    parser.add_argument("-o", "--out", metavar="SVG", help="draw, into this file")
    parser.add_argument("--from", dest="start", type=float, metavar="US")
    parser.add_argument("--to", dest="end", type=float, metavar="US")
    parser.add_argument("--width", type=int, default=1200)
    args = parser.parse_args()
    tool = trace_tool()
    try:
        text = read(args.console)
        use = Use(tool.parse(text), names(text))
    except (OSError, tool.BadTrace) as why:
        sys.exit(f"slabtrace: {args.console}: {why}")
    if not use.allocs + use.frees:
        sys.exit("slabtrace: no allocation is in the trace: trace on kmalloc kfree kmem_cache_*")
    print("\n".join(table(use, args.n)))
    if args.out:
        with open(args.out, "w") as f:
            f.write(draw(use, args.n, args.start, args.end, args.width))


if __name__ == "__main__":
    main()
