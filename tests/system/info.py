# SPDX-License-Identifier: BSD-2-Clause
"""info.py - what the shell's commands print, as data"""

import re
from dataclasses import dataclass, field

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4096


def meminfo(lines):
    """{"MemFree": bytes, ...}"""
    found = [re.fullmatch(r"(\w+): +(\d+) kB", line) for line in lines]
    return {m[1]: int(m[2]) * KIB for m in found if m}


@dataclass
class Zone:
    nid: int
    name: str
    start: int
    end: int
    free: int      # pages
    managed: int
    present: int
    spanned: int
    listed: int = 0     # pages that harts keep
    marks: list = field(default_factory=list)   # min, low, high, boost


@dataclass
class Device:
    path: str
    bits: int
    coherent: bool
    reaches: list


@dataclass
class ZoneInfo:
    zones: list = field(default_factory=list)
    fallback: dict = field(default_factory=dict)   # nid -> ["0:NORMAL", ...]
    devices: list = field(default_factory=list)
    refused: int = 0
    failed: int = 0
    nonsense: int = 0


def zoneinfo(lines):
    info, head = ZoneInfo(), None
    for line in lines:
        if m := re.fullmatch(r"Node (\d+), zone +(\S+)", line):
            head = int(m[1]), m[2]
        elif m := re.fullmatch(r"  range +\[0x([0-9a-f]+), 0x([0-9a-f]+)\)", line):
            span = int(m[1], 16), int(m[2], 16)
        elif m := re.fullmatch(r"  pages +free (\d+), managed (\d+), present (\d+), spanned (\d+)",
                               line):
            info.zones.append(Zone(*head, *span, *(int(n) for n in m.groups())))
        elif m := re.fullmatch(r"  listed +(\d+) pages free and kept by harts", line):
            info.zones[-1].listed = int(m[1])
        elif m := re.fullmatch(r"  marks +min (\d+), low (\d+), high (\d+), boost (\d+)", line):
            info.zones[-1].marks = [int(n) for n in m.groups()]
        elif m := re.fullmatch(r"Node (\d+), fallback order:(.*)", line):
            info.fallback[int(m[1])] = m[2].split()
        elif m := re.fullmatch(r"Device (\S+): (\d+) address bits, (not )?coherent, reaches (.*)",
                               line):
            reaches = [] if m[4] == "no zone entirely" else m[4].split()
            info.devices.append(Device(m[1], int(m[2]), not m[3], reaches))
        elif m := re.match(r"Refused frees (\d+), failed allocations (\d+), impossible flags (\d+)",
                           line):
            info.refused, info.failed, info.nonsense = (int(n) for n in m.groups())
    return info


@dataclass
class Cache:
    name: str
    active: int     # objects in use
    total: int      # objects that its slabs have
    size: int       # bytes from one to the next
    objects: int    # of a slab
    pages: int      # of a slab
    rounds: int     # objects of a magazine
    magazines: int  # that harts have
    depot: int      # that nodes have


def slabinfo(lines):
    """{name: Cache}"""
    line = re.compile(r"(\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) : +(\d+) +(\d+) +(\d+)")
    found = [line.fullmatch(text) for text in lines if text and text[0] != "#"]
    assert all(found)
    return {m[1]: Cache(m[1], *(int(n) for n in m.groups()[1:])) for m in found}


def buddyinfo(lines):
    """[(nid, zone, [free blocks of order 0, 1, ...])]"""
    found = [re.fullmatch(r"Node (\d+), zone +(\S+)((?: +\d+)+)", line) for line in lines]
    return [(int(m[1]), m[2], [int(n) for n in m[3].split()]) for m in found if m]


@dataclass
class Range:
    depth: int
    start: int
    end: int    # behind the last byte
    what: str


def iomem(lines):
    found = [re.fullmatch(r"( *)([0-9a-f]{8,16})-([0-9a-f]{8,16}) : (.*)", line) for line in lines]
    return [Range(len(m[1]) // 2, int(m[2], 16), int(m[3], 16) + 1, m[4]) for m in found if m]


def banks(ranges):
    """[(start, end)] of System RAM and no-map memory, neighbours joined."""
    joined = []
    for r in ranges:
        if r.depth or not re.match("System RAM|No-map memory", r.what):
            continue
        if joined and joined[-1][1] == r.start:
            joined[-1] = (joined[-1][0], r.end)
        else:
            joined.append((r.start, r.end))
    return joined


def no_map(ranges):
    """[(start, end)] of the memory that must not be mapped."""
    return [(r.start, r.end) for r in ranges if not r.depth and r.what == "No-map memory"]


@dataclass
class Hart:
    cpu: int
    hartid: int
    nid: int
    state: str
    ipis: int
    idle: float         # percent, since `harts` was typed last; None: it's off
    wakeups: float      # a second
    switches: float     # a second
    isa: list


def harts(lines):
    rate = r"([\d.]+|-)"
    found = [re.fullmatch(r" *(\d+) +(\d+) +(-?\d+) +(\w+) +(\d+) +"
                          rf"{rate} +{rate} +{rate} *(.*)", line) for line in lines]
    return [Hart(int(m[1]), int(m[2]), int(m[3]), m[4], int(m[5]),
                 *(None if x == "-" else float(x) for x in m.groups()[5:8]), m[9].split())
            for m in found if m]


@dataclass
class Interrupt:
    irq: int
    counts: list        # by hart
    controller: str
    line: int
    cpu: int            # whom it's delivered to; None: nobody
    name: str           # the handler's, "" if there is none
    unwanted: int


def interrupts(lines):
    form = re.compile(r" *(\d+):((?: +\d+)+)  (\S+) line (\d+) +cpu (\d+|-) +(\S+)(.*)")
    found = []
    for m in filter(None, map(form.fullmatch, lines)):
        unwanted = re.search(r"(\d+) unwanted", m[7])
        found.append(Interrupt(int(m[1]), [int(n) for n in m[2].split()], m[3], int(m[4]),
                               None if m[5] == "-" else int(m[5]), m[6].strip("-"),
                               int(unwanted[1]) if unwanted else 0))
    return found


@dataclass
class Mapping:
    region: str
    va: int
    end: int
    pa: int
    bits: str   # "rwxug" with '-' for what is off
    leaf: str   # "4K", "2M", ...

    @property
    def pa_end(self):
        return self.pa + self.end - self.va


def ptdump(lines):
    region, mappings = None, []
    for line in lines:
        if m := re.fullmatch(r"---\[ (.*) \]---", line):
            region = m[1]
        elif m := re.fullmatch(r"0x([0-9a-f]+)-0x([0-9a-f]+) 0x([0-9a-f]+) +\d+[KMGTP]  ([-rwxug]{5}) "
                               r"leaf (\w+)(?: io| nc)?", line):
            va, end, pa = (int(n, 16) for n in m.groups()[:3])
            mappings.append(Mapping(region, va, end or 1 << (len(m[2]) * 4), pa, m[4], m[5]))
        else:
            assert "leaf" not in line, f"a mapping that can't be read: {line}"
    return mappings


@dataclass
class Area:
    """A vmalloc area: [va, end), its last page the guard; what it is: "ioremap", "stack of x"."""
    va: int
    end: int
    caller: str
    phys: int | None
    what: str


def vmallocinfo(lines):
    areas = []
    for line in lines:
        if m := re.fullmatch(r"0x([0-9a-f]+)-0x([0-9a-f]+) +(\d+) ([^ +]+)\S*(?: pages=\d+)?"
                             r"(?: phys=0x([0-9a-f]+))?(?: (.*))?", line):
            va, end = int(m[1], 16), int(m[2], 16)
            assert end - va == int(m[3]), line
            areas.append(Area(va, end, m[4], int(m[5], 16) if m[5] else None, m[6] or ""))
        else:
            assert line.startswith(f"{len(areas)} areas of "), f"can't be read: {line}"
    return areas


def stacks(areas):
    """(lowest address, end) of the stacks among them: the upper half, less the guard."""
    return [((x.va + x.end - PAGE) // 2, x.end - PAGE) for x in areas
            if x.what.startswith("stack")]
