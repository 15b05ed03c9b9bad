# SPDX-License-Identifier: BSD-2-Clause
"""Device trees that lie: one clear message each, never a hang, a fault or a second panic.

tests/host tries many more on the code that reads trees; these show that the whole way
from the firmware to the message on the console works as early as this.
"""

import re
import struct
import subprocess

import pytest

import checks
import trees
from machine import TOP

MEMORY = "/ { /delete-node/ memory@80000000; memory@80000000 { device_type = \"memory\"; %s }; };"
RESERVED = ("/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; "
            "area@81000000 { %s }; }; };")
NO_MMU = "/ { cpus { cpu@0 { /delete-property/ mmu-type; }; }; };"


def nested(depth):
    return "/ { " + "".join(f"n{i} {{ " for i in range(depth)) + "}; " * depth + "};"


def banks_of_nodes(count):
    nodes = "".join(f'memory@{0x88000000 + (n << 20):x} {{ device_type = "memory"; '
                    f"reg = <0x0 {0x88000000 + (n << 20):#x} 0x0 0x100000>; numa-node-id = <{n}>; }}; "
                    for n in range(1, count))
    first = "/ { memory@80000000 { reg = <0x0 0x80000000 0x0 0x8000000>; numa-node-id = <0>; }; "
    return first + nodes + "};"


# name: (the change to QEMU's tree, what the sentence must say)
LIES = {
    "overlap": (MEMORY % "reg = <0x0 0x80000000 0x0 0x8000000>, <0x0 0x84000000 0x0 0x8000000>;",
                r"/memory@80000000: \[0x84000000, 0x8c000000\) overlaps another bank"),
    "wraps-around": (MEMORY % "reg = <0xffffffff 0xf0000000 0x0 0x20000000>;",
                     r"/memory@80000000: reg wraps around"),
    "beyond-physical": (MEMORY % "reg = <0x0 0x80000000 0x0 0x8000000>, <0x7fffffff 0x0 0x0 0x1000>;",
                        r"/memory@80000000: .* is beyond \d+ bits"),
    "odd-length": (MEMORY % "reg = <0x0 0x80000000 0x8000000>;",
                   r"/memory@80000000: reg has 12 bytes, not a multiple of 16"),
    "no-reg": (MEMORY % "", r"/memory@80000000: a memory node without reg"),
    "empty-bank": (MEMORY % "reg = <0x0 0x80000000 0x0 0x0>;",
                   r"no memory: each bank is empty or disabled"),
    "no-memory": ("/ { /delete-node/ memory@80000000; };", r"no memory node"),
    "disabled-memory": ("/ { memory@80000000 { status = \"disabled\"; }; };",
                        r"no memory: each bank is empty or disabled"),
    "elsewhere": (MEMORY % "reg = <0x0 0x84000000 0x0 0x4000000>;",
                  r"no memory bank holds the kernel at \[0x80200000, 0x80[0-9a-f]{6}\)"),
    "half-the-kernel": (MEMORY % "reg = <0x0 0x80000000 0x0 0x210000>;",
                        r"no memory bank holds the kernel at \[0x80200000, 0x80[0-9a-f]{6}\)"),
    "cells": ((RESERVED % "").replace("address-cells = <2>", "address-cells = <5>"),
              r"/reserved-memory: #address-cells is 5, more than 4"),
    "size-cells": ("/ { #size-cells = <0>; };", r"/: #size-cells is 0, not 1 or 2"),
    "no-map-kernel": (RESERVED % "reg = <0x0 0x80000000 0x0 0x4000000>; no-map;",
                      r"no-map \[0x80000000, 0x84000000\) covers the kernel at \[0x80200000, "),
    "reserved-wraps": (RESERVED % "reg = <0xffffffff 0xfffff000 0x0 0x2000>;",
                       r"/reserved-memory/area@81000000: reg wraps around"),
    "alignment": (RESERVED % "size = <0x0 0x1000>; alignment = <0x0 0x3000>;",
                  r"/reserved-memory/area@81000000: alignment is 0x3000, no power of two"),
    "no-mmu": (NO_MMU, r"no usable hart with an MMU among 1"),
    "too-deep": (nested(40), r"nodes nest more than 32 deep"),
    "too-many-nodes": (banks_of_nodes(9), r"numa-node-id 8 is one of more than 8"),
}
BEFORE_BOOTARGS = {"too-deep"}  # panic= isn't known yet


def kernel_bytes():
    """What the Image's header says that the kernel occupies."""
    header = (TOP / "build/qemu-virt/Image").read_bytes()[:64]
    return struct.unpack_from("<Q", header, 16)[0]


def mmplan(dtb):
    """(exit status, message) of tools/mmplan on the same tree."""
    done = subprocess.run(["tools/mmplan", "--kernel", f"0x80200000,{kernel_bytes()}", str(dtb)],
                          cwd=TOP, capture_output=True, text=True)
    return done.returncode, done.stderr.strip().split("\n")[-1]


@pytest.mark.parametrize("name", LIES)
def test_lie(machine, name):
    """The kernel says it and stops; mmplan says the same sentence and fails."""
    change, sentence = LIES[name]
    dtb = trees.changed(f"bad-{name}", change, smp="1", mem="256M")
    m = machine(smp=1, mem="256M", dtb=str(dtb), boot=False, may_panic=True,
                append="panic=poweroff")
    panic = m.panic()
    assert re.search(sentence, panic.sentence), panic.sentence
    assert panic.count == 1
    assert not panic.registers, "a fault, not a message"
    assert panic.sentence.startswith("device tree: ")
    status, told = mmplan(dtb)
    assert status == 1
    # The firmware adds nodes, so an offset in the tree is not the same.
    assert re.sub(r" at \d+$", "", told) == re.sub(r" at \d+$", "", panic.sentence)
    if name not in BEFORE_BOOTARGS:
        m.wait_exit()


def test_lie_to_several_harts(machine):
    """The other harts, which the firmware holds, don't add a word.  The one that panics has its
    name right, though no table of harts stands yet: so it's tried until that isn't hart 0."""
    change, sentence = LIES["overlap"]
    dtb = trees.changed("bad-several", change, smp="4", mem="256M")
    for _ in range(10):
        m = machine(smp=4, mem="256M", dtb=str(dtb), boot=False, may_panic=True,
                    append="panic=poweroff")
        panic = m.panic()
        assert re.search(sentence, panic.sentence) and panic.count == 1
        booted = int(re.search(r"Boot HART ID +: (\d+)", m.transcript)[1])
        assert panic.hart == booted
        m.wait_exit()
        if booted:
            break


def test_too_many_reservations(machine):
    entries = [f"/memreserve/ {0x84000000 + i * 0x2000:#x} 0x1000;" for i in range(300)]
    dtb = trees.changed("bad-reservations", "", entries, smp="1", mem="256M")
    m = machine(smp=1, mem="256M", dtb=str(dtb), boot=False, may_panic=True,
                append="panic=poweroff")
    assert "more reservations than there is room for" in m.panic().sentence
    m.wait_exit()


def test_no_room(machine, image):
    """Memory is the kernel's and two pages more: no lie, but nothing can run either."""
    image("qemu-virt")
    size = -(-kernel_bytes() // 4096) * 4096 + 2 * 4096
    dtb = trees.changed("no-room", MEMORY % f"reg = <0x0 0x80200000 0x0 {size:#x}>;", smp="1",
                        mem="256M")
    m = machine(smp=1, mem="256M", dtb=str(dtb), boot=False, may_panic=True,
                append="panic=poweroff")
    panic = m.panic()
    assert re.search("no memory|out of memory|can't allocate|memblock", panic.sentence), panic.sentence
    assert panic.count == 1 and not panic.registers
    m.wait_exit()


# ---- lies that do no harm: named in the log, and the kernel goes on ----

ODDITIES = {
    "empty-beside": ("/ { memory@84000000 { device_type = \"memory\"; reg = <0x0 0x84000000 0 0>; "
                     "}; };", r"/memory@84000000: an empty bank at 0x84000000, ignored"),
    "distances": ("/ { distance-map { compatible = \"numa-distance-map-v1\"; }; };",
                  r"/distance-map: no distance-matrix: ignored"),
    "stdout": ("/ { chosen { stdout-path = \"/soc/nowhere\"; }; };",
               r"stdout-path names /soc/nowhere, which isn't there"),
    "neither": (RESERVED % "no-map;",
                r"/reserved-memory/area@81000000: neither reg nor size, ignored"),
    "no-place": (RESERVED % "size = <0x0 0x40000000>;",
                 r"/reserved-memory/area@81000000: no place for 1048576 KiB, ignored"),
    "initrd": ("/ { chosen { linux,initrd-start = <0x10000000>; linux,initrd-end = <0x10001000>; "
               "}; };", r"/chosen: the initrd at \[0x10000000, 0x10001000\) isn't in memory, ignored"),
}


@pytest.mark.parametrize("name", ODDITIES)
def test_oddity(machine, name):
    change, line = ODDITIES[name]
    dtb = trees.changed(f"odd-{name}", change, smp="1", mem="256M")
    m = machine(smp=1, mem="256M", dtb=str(dtb))
    assert any(re.search(line, x) for x in m.run("dmesg")), "not named in the log"
    checks.suites_pass(m)
    assert m.poweroff() == 0


def test_more_oddities_than_the_log_holds(machine):
    """What the log's ring had to drop before the console ran is counted, not silently gone."""
    number = 300
    nodes = "".join(f"n{i} {{ reg = <0x0 {0x81000000 + i:#x} 0x0 0x0>; }}; " for i in range(number))
    change = ("/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; "
              f"{nodes} }}; }};")
    dtb = trees.changed("odd-many", change, smp="1", mem="256M")
    m = machine(smp=1, mem="256M", dtb=str(dtb), may_panic=True)
    lost = [int(x) for x in re.findall(r"\*\* (\d+) messages lost \*\*", m.transcript)]
    shown = [int(x) for x in re.findall(r"/n(\d+): an empty reservation at", m.transcript)]
    assert len(lost) == 1
    assert shown == list(range(shown[0], number)) and len(shown) > 100
    # Before the first of them stand the firmware's line and nothing else.
    assert lost[0] == shown[0] + 1
    checks.suites_pass(m)
    assert m.poweroff() == 0
