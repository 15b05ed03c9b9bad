# SPDX-License-Identifier: BSD-2-Clause
"""Contiguous areas: from the device tree and the command line, and those that can't be one."""

import re

import pytest

import checks
import ktap
import trees

AREA = re.compile(r"(\S+) +0x([0-9a-f]+) +(\d+) KiB, (\d+) KiB taken(, default)?$")


def areas(m):
    """[(name, start, KiB, is default)]"""
    found = [AREA.match(line) for line in m.run("cma") if line]
    assert all(found)
    return [(a[1], int(a[2], 16), int(a[3]), bool(a[5])) for a in found]


def suites_run(m):
    """The suites about moving pages pass, and nothing is skipped for want of an area."""
    suites = ktap.parse(m.run("test cma compaction"))
    for suite in suites.values():
        assert not suite.failures(), "\n".join(suite.failures())
        assert not [c.name for c in suite.cases if c.skip is not None]


def test_pool_of_the_tree(machine):
    m = machine(smp=2, mem="256M", dtb=str(trees.from_file("reserved", smp="2", mem="256M")))
    assert areas(m) == [("pool@8a000000", 0x8a000000, 16384, True)]
    suites_run(m)
    checks.no_errors_logged(m)
    assert m.poweroff() == 0


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_boot_argument(machine, board):
    m = machine(board=board, smp=4, mem="256M", append="cma=7M@0x88000000")
    assert areas(m) == [("cma", 0x88000000, 8192, True)]    # whole pageblocks
    suites_run(m)
    assert m.poweroff() == 0


def test_no_area(machine):
    """One that isn't whole pageblocks is named, and stays reserved; one that has no room too."""
    node = """/ { reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
        odd@8a001000 { compatible = "shared-dma-pool"; reusable;
                       reg = <0x0 0x8a001000 0x0 0x400000>; }; }; };"""
    dtb = trees.changed("odd-pool", node, smp="1", mem="256M")
    m = machine(smp=1, mem="256M", dtb=str(dtb), append="cma=4G")
    assert areas(m) == []
    log = "\n".join(m.run("dmesg"))
    assert "odd@8a001000: [0x8a001000, 0x8a401000) stays reserved" in log
    assert "cma: no room for 4194304 KiB" in log
    checks.suites_pass(m, "page_alloc", "cma")
    assert m.poweroff() == 0
