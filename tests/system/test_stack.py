# SPDX-License-Identifier: BSD-2-Clause
"""Stacks of threads: an overflow is named, guards are left out of the table, areas are sized."""

import re

import pytest

import info

MODES = [("qemu-virt", "sv39"), ("qemu-virt", "sv48"), ("qemu-virt", "sv57"), ("qemu-virt32", "sv32")]


@pytest.mark.parametrize("smp", [1, 4])
@pytest.mark.parametrize("board, mode", MODES)
def test_overflow_of_a_thread(machine, board, mode, smp):
    """The panic says what it is, in which thread; sp lies just below that thread's stack."""
    m = machine(board=board, smp=smp, mem="64M", append=f"panic=poweroff paging={mode}",
                may_panic=True)
    stacks = info.stacks(info.vmallocinfo(m.run("vmallocinfo")))
    m.send("crash thread-stack\r")
    panic = m.panic()
    said = re.search(r"kernel stack overflow: sp is 0x([0-9a-f]+), in thread overflow$",
                     panic.sentence)
    assert said, panic.sentence
    sp = int(said[1], 16)
    assert panic.registers["sp"] == sp
    assert panic.registers["tval"] <= sp + 4096
    assert not any(low <= panic.registers["tval"] < end for low, end in stacks), "that was mapped"
    assert panic.trace.count("fill_stack") == len(panic.trace) > 5
    m.wait_exit()


def mapped(maps, start, end):
    """Bytes of [start, end) that are mapped, all of them rw-."""
    found = [x for x in maps if x.va < end and start < x.end]
    assert all(x.bits[:3] == "rw-" for x in found)
    return sum(min(x.end, end) - max(x.va, start) for x in found)


@pytest.mark.parametrize("board, mode", MODES)
def test_guards(machine, board, mode):
    """Each thread's stack is an area that names it; below it there is as much that is not mapped
    as it is long, and a page above it."""
    m = machine(board=board, smp=4, mem="64M", append=f"paging={mode}")
    areas, maps = info.vmallocinfo(m.run("vmallocinfo")), info.ptdump(m.run("ptdump"))
    stacks = info.stacks(areas)
    assert {f"stack of idle/{i}" for i in range(4)} <= {x.what for x in areas}
    assert len({end - low for low, end in stacks}) == 1
    for low, end in stacks:
        assert mapped(maps, low, end) == end - low
        assert mapped(maps, 2 * low - end, low) == 0 == mapped(maps, end, end + info.PAGE)
    assert m.poweroff() == 0


def test_fence_quirk(machine):
    """The FU540's fences by address aren't used: it is told by its compatible."""
    m = machine(board="unleashed", smp=5, mem="128M")      # whose firmware can't power off
    line = r"paging: sifive,[\w-]+: fences by address don't work, every fence is a full one"
    assert re.search(line, "\n".join(m.run("dmesg")))
    m.send("reboot\r")
    assert m.wait_exit() == 0


def test_no_quirk(machine):
    m = machine(smp=1, mem="64M")
    assert "fences by address" not in "\n".join(m.run("dmesg"))
    assert m.poweroff() == 0
