# SPDX-License-Identifier: BSD-2-Clause
"""High memory: rv64 with the linear map capped by lowmem= (a kernel of HIGHMEM=1), and rv32."""

import pathlib
import re
import subprocess

import pytest

import checks
import info

TOP = pathlib.Path(__file__).parents[2]
MIB = 1 << 20


@pytest.fixture(scope="module")
def kernel():
    made = subprocess.run(["make", "BOARD=qemu-virt", "HIGHMEM=1", "image"], cwd=TOP,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert made.returncode == 0, made.stderr
    return str(TOP / "build" / "qemu-virt-highmem" / "Image")


def split(m):
    """(low, high) memory in bytes; both parts add up to the whole."""
    mem = info.meminfo(m.run("meminfo"))
    assert mem["HighTotal"] + mem["LowTotal"] == mem["MemTotal"]
    assert mem["HighFree"] <= mem["HighTotal"] and mem["LowFree"] <= mem["LowTotal"]
    return mem["LowTotal"], mem["HighTotal"]


@pytest.mark.parametrize("smp, paging", [(1, "sv39"), (2, "sv48"), (4, "sv57"), (8, "sv57")])
def test_capped(machine, kernel, smp, paging):
    m = machine(kernel=kernel, smp=smp, mem="256M", append=f"lowmem=64M paging={paging}")
    low, high = split(m)
    assert low < 64 * MIB and 190 * MIB < high <= 192 * MIB
    checks.memory_adds_up(m, 256 * MIB)
    checks.write_xor_execute(m)
    suites = checks.suites_pass(m)
    assert not [c for c in suites["kmap"].cases if c.skip and c.name != "order"]
    checks.suites_pass(m, "page_stress", "slab_stress", "kmap")
    assert m.poweroff() == 0


@pytest.mark.parametrize("option", ["page_poison=on", "init_on_alloc=1 init_on_free=1",
                                    "page_owner=on", "debug_pagealloc=on"])
def test_debugging_reaches_it(machine, kernel, option):
    m = machine(kernel=kernel, smp=2, mem="128M", append=f"lowmem=48M {option}")
    assert 78 * MIB < split(m)[1] <= 80 * MIB
    checks.suites_pass(m, "kmap", "page_debug", "page_alloc")
    assert m.poweroff() == 0


def test_too_little_is_refused(machine, kernel):
    m = machine(kernel=kernel, smp=1, mem="256M", append="lowmem=4M")
    said = re.search(r"lowmem=: 4096 KiB are too few, this machine needs (\d+) MiB", m.transcript
                     + "\n".join(m.run("dmesg")))
    assert said and split(m)[1] == 0
    least = int(said[1])
    assert m.poweroff() == 0
    m = machine(kernel=kernel, smp=1, mem="256M", append=f"lowmem={least}M")
    assert split(m)[1] > 0
    checks.suites_pass(m, "kmap", "page_alloc")
    assert m.poweroff() == 0


def test_rv32(machine):
    m = machine(board="qemu-virt32", smp=4, mem="2G")
    low, high = split(m)
    assert low < 896 * MIB and 1150 * MIB < high <= 1152 * MIB
    suites = checks.suites_pass(m)
    assert not [c for c in suites["kmap"].cases if c.skip and c.name != "order"]
    assert m.poweroff() == 0
