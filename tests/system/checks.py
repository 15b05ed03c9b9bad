# SPDX-License-Identifier: BSD-2-Clause
"""checks.py - what must hold on every machine that reached its prompt"""

import textwrap

import info
import ktap
import machine
from info import KIB, PAGE

STRUCT_PAGE = 32


# Suites about threads, time and what is made of pages, which take seconds and don't depend on where
# memory lies: tests/kernel runs them on 1 to 8 harts, two nodes, rv32 and Sv39.
ELSEWHERE = {"hotplug", "ipi", "irq", "kasan", "kfence", "kstack", "log", "mempool", "memset",
             "mutex", "page_stress", "pgtable-random", "rcu", "rwlock", "slab_debug",
             "slab_stress", "slab_watch", "stress", "thread", "timer", "trace", "usercopy",
             "vmalloc_harts", "wait", "workqueue"}


def suites_pass(m, *names, every=False):
    """Run the suites in the kernel: those named, @every one, or all that a machine may change."""
    if not names and not every:
        names = tuple(x for x in m.run("test -l") if x and x not in ELSEWHERE)
        assert {"discover", "page_alloc", "paging", "pgtable", "smp", "trap"} <= set(names)
    suites = {}
    lines = textwrap.wrap(" ".join(names), 200, break_on_hyphens=False)  # the shell's are short
    for line in lines or [""]:
        suites |= ktap.parse(m.run(f"test {line}".strip(), timeout=machine.SUITES_PATIENCE))
    failures = [line for suite in suites.values() for line in suite.failures()]
    assert not failures, "\n".join(failures)
    return suites


def no_errors_logged(m, expected=()):
    """Nothing above a warning is in the log but lines that contain one of @expected."""
    errors = [line for line in m.run("dmesg 2") if line]
    strange = [line for line in errors if not any(text in line for text in expected)]
    assert not strange, "\n".join(strange)


def memory_adds_up(m, total):
    """meminfo, zoneinfo, buddyinfo and iomem tell one story about @total bytes in banks."""
    mem = info.meminfo(m.run("meminfo"))
    assert mem["MemBanks"] == total
    assert mem["NoMap"] + mem["Reserved"] + mem["MemTotal"] == mem["MemBanks"]
    assert 0 < mem["MemFree"] <= mem["MemTotal"]

    zones = info.zoneinfo(m.run("zoneinfo"))
    assert sum(z.present for z in zones.zones) * PAGE == mem["MemBanks"] - mem["NoMap"]
    assert sum(z.managed for z in zones.zones) * PAGE == mem["MemTotal"]
    assert sum(z.free + z.listed for z in zones.zones) * PAGE == mem["MemFree"]
    for z in zones.zones:
        assert z.start % PAGE == 0 and z.end % PAGE == 0
        assert z.free + z.listed <= z.managed <= z.present <= z.spanned == (z.end - z.start) // PAGE
        assert z.present, "an empty zone was built"
        assert z.marks[0] <= z.marks[1] <= z.marks[2] < z.managed
    # The suites that try what is forbidden count in `refused`; an allocation that had to be
    # served and wasn't would count in `failed`, and nothing here runs out of memory.
    free = {(nid, zone): sum(nr << order for order, nr in enumerate(blocks))
            for nid, zone, blocks in info.buddyinfo(m.run("buddyinfo"))}
    assert free == {(z.nid, z.name): z.free for z in zones.zones}

    banks = info.banks(info.iomem(m.run("iomem")))
    assert sum(end - start for start, end in banks) == total
    descriptors = (mem["MemBanks"] - mem["NoMap"]) // PAGE * STRUCT_PAGE
    slack = 2 * PAGE * (len(banks) + len(zones.zones)) + 4 * 2048 * KIB
    assert descriptors <= mem["PageStructs"] + PAGE * len(banks)
    assert mem["PageStructs"] <= descriptors + slack
    return mem, zones, banks


def zone_spans(m):
    """[(start, end)] of the zones, as if the firmware's own memory below them were in them:
    OpenSBI up to 1.1 reserves it, later versions make it no-map, and a zone begins behind it."""
    kept = {end: start for start, end in info.no_map(info.iomem(m.run("iomem")))}

    def down(start):
        while start in kept:
            start = kept[start]
        return start
    return [(down(z.start), z.end) for z in info.zoneinfo(m.run("zoneinfo")).zones]


def harts_online(m, ids):
    """Exactly the harts @ids are online; logical numbers are dense, hart ids are each's own."""
    harts = info.harts(m.run("harts"))
    assert [h.cpu for h in harts] == list(range(len(harts)))
    assert sorted(h.hartid for h in harts) == sorted(ids)
    assert {h.state for h in harts} == {"online"}
    return harts


def write_xor_execute(m):
    """No leaf is writable and executable, nor is memory that is executable under one address
    writable under another; the first page is not mapped."""
    maps = info.ptdump(m.run("ptdump"))
    text = [x for x in maps if "x" in x.bits]
    assert text and all(x.region == "kernel image" for x in text)
    for leaf in maps:
        assert not {"w", "x"} <= set(leaf.bits), f"writable and executable: {leaf}"
        assert leaf.va >= PAGE, f"the null page is mapped: {leaf}"
        assert "u" not in leaf.bits, f"user programs could see {leaf}"
        for x in text:
            overlap = leaf.pa < x.pa_end and x.pa < leaf.pa_end
            assert not (overlap and "w" in leaf.bits), f"{x} is writable as {leaf}"
    return maps
