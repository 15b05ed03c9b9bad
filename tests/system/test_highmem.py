# SPDX-License-Identifier: BSD-2-Clause
"""High memory: rv64 with the linear map capped by lowmem= (a kernel of HIGHMEM=1), and rv32.

`make check-highmem` also fills 8 GiB of rv32, which takes as much of the host's memory.
"""

import re

import pytest

import checks
import info
import ktap
import trees
from conftest import make
from info import GIB, MIB
from machine import SUITES_PATIENCE, TOP

DESCRIPTORS = 128       # of memory, one part in so many
THREADS = "kmap", "kmap_threads"


@pytest.fixture(scope="module")
def kernel():
    make("BOARD=qemu-virt", "HIGHMEM=1", "image")
    return str(TOP / "build" / "qemu-virt-highmem" / "Image")


@pytest.fixture(scope="module")
def qemu10():
    make("BOARD=qemu-virt32", "MEM=3G", "run-setup")


def split(m):
    """(low, high) memory in bytes; both parts add up to the whole."""
    mem = info.meminfo(m.run("meminfo"))
    assert mem["HighTotal"] + mem["LowTotal"] == mem["MemTotal"]
    assert mem["HighFree"] <= mem["HighTotal"] and mem["LowFree"] <= mem["LowTotal"]
    return mem["LowTotal"], mem["HighTotal"]


def expect_split(m, low_end, total):
    """Low memory ends at @low_end; descriptors of all memory stand in high memory."""
    low, high = split(m)
    assert low_end - 8 * MIB < low < low_end
    high_end = total - low_end - total // DESCRIPTORS
    assert high_end - 8 * MIB < high <= high_end


def windows_work(m):
    done = {c.name: c.skip for name in THREADS for c in checks.suites_pass(m, name)[name].cases}
    assert [name for name, skip in done.items() if skip] in ([], ["order"])


def filled(m, above=0):
    """All high memory held what was written, and there was some at @above."""
    said = "\n".join(m.run("stress high 1", timeout=SUITES_PATIENCE))
    assert "stress high: passed" in said, said
    mib, end = re.search(r"stress high: (\d+) MiB up to (0x[0-9a-f]+), 0 pages wrong", said).groups()
    assert int(end, 16) > above
    return int(mib) * MIB


@pytest.mark.parametrize("smp, paging", [(1, "sv39"), (2, "sv48"), (8, "sv57")])
def test_capped(machine, kernel, smp, paging):
    m = machine(kernel=kernel, smp=smp, mem="256M", append=f"lowmem=64M paging={paging}")
    expect_split(m, 64 * MIB, 256 * MIB)
    checks.memory_adds_up(m, 256 * MIB)
    checks.write_xor_execute(m)
    windows_work(m)
    checks.suites_pass(m)
    assert filled(m) > 180 * MIB
    assert m.poweroff() == 0


def test_node_without_low_memory(machine, kernel):
    m = machine(kernel=kernel, smp=4, numa=2, mem="256M", append="lowmem=64M")
    zones = info.zoneinfo(m.run("zoneinfo")).zones
    assert {z.name for z in zones if z.nid == 1} == {"HIGHMEM"}
    windows_work(m)
    checks.suites_pass(m, "compaction", "kmalloc", "memremap", "numa", "page_alloc",
                       "slab", "vmalloc", "zones")
    assert m.poweroff() == 0


@pytest.mark.parametrize("option", ["page_poison=on", "init_on_alloc=1 init_on_free=1",
                                    "page_owner=on", "debug_pagealloc=on"])
def test_debugging_reaches_it(machine, kernel, option):
    m = machine(kernel=kernel, smp=2, mem="128M", append=f"lowmem=48M {option}")
    checks.suites_pass(m, "kmap", "page_debug", "page_alloc")
    assert m.poweroff() == 0


def test_records_lie_in_high_memory(machine, kernel):
    """What page_owner keeps, 1/64 of memory, takes no low memory for what is high."""
    m = machine(kernel=kernel, smp=1, mem="1G", append="lowmem=32M page_owner=on")
    low, high = split(m)
    assert low > 24 * MIB
    assert high < 992 * MIB - GIB // DESCRIPTORS - 992 * MIB // 64 + 4 * MIB
    m.run("test page_alloc")
    assert any("pages by" in line for line in m.run("page_owner"))
    assert m.poweroff() == 0


def test_fu540(machine, kernel):
    """Its fences by address don't work: windows are fenced in full."""
    tree = '/ { compatible = "riscv-virtio", "sifive,fu540"; };'
    dtb = trees.changed("fu540", tree, smp="4", mem="128M")
    m = machine(kernel=kernel, smp=4, mem="128M", dtb=str(dtb), append="lowmem=48M")
    assert "every fence is a full one" in "\n".join(m.run("dmesg"))
    windows_work(m)
    assert m.poweroff() == 0


def test_device_memory(machine, kernel):
    """A device's memory above the linear map is reached by windows."""
    dtb = trees.from_file("device_memory", smp="2", mem="256M")
    m = machine(kernel=kernel, smp=2, mem="256M", dtb=str(dtb), append="lowmem=48M")
    result = ktap.parse(m.run("test memremap"))["memremap"]
    assert not result.failures()
    # Faults aren't injected in this build; in Sv57 one root entry has all descriptors.
    assert {c.name for c in result.cases if c.skip} <= {"failures", "roots"}
    assert m.poweroff() == 0


def test_too_little_is_refused(machine, kernel):
    m = machine(kernel=kernel, smp=1, mem="1G", append="lowmem=4M")
    said = re.search(r"lowmem=: 4096 KiB are too few, this machine needs (\d+) MiB", m.transcript
                     + "\n".join(m.run("dmesg")))
    assert said and split(m)[1] == 0
    least = int(said[1])
    assert least <= 16      # whatever the board has
    assert m.poweroff() == 0
    m = machine(kernel=kernel, smp=1, mem="1G", append=f"lowmem={least}M")
    assert split(m)[1] > 0
    checks.suites_pass(m, "kmap", "page_alloc")
    assert m.poweroff() == 0


def test_rv32(machine, qemu10):
    """3 GiB from 2 GiB on: physical addresses of more than 32 bits."""
    m = machine(board="qemu-virt32", smp=4, mem="3G")
    expect_split(m, 708 * MIB, 3 * GIB)
    checks.memory_adds_up(m, 3 * GIB)
    checks.write_xor_execute(m)
    windows_work(m)
    assert filled(m, above=4 * GIB) > 2300 * MIB
    assert m.poweroff() == 0


@pytest.mark.parametrize("smp, numa", [(8, 2), (4, 1)])
def test_rv32_suites(machine, smp, numa):
    m = machine(board="qemu-virt32", smp=smp, numa=numa, mem="1536M")
    windows_work(m)
    checks.suites_pass(m)
    assert m.poweroff() == 0


def test_rv32_8g(machine, qemu10, request):
    if not request.config.getoption("--highmem"):
        pytest.skip("needs 8 GiB of the host: make check-highmem")
    m = machine(board="qemu-virt32", smp=4, mem="8G")
    expect_split(m, 668 * MIB, 8 * GIB)
    checks.memory_adds_up(m, 8 * GIB)
    assert filled(m, above=9 * GIB) > 7400 * MIB
    windows_work(m)
    checks.suites_pass(m)
    assert m.poweroff() == 0


def test_closed_window(machine, kernel):
    """A store to a window that was closed: which window, and which page it had."""
    m = machine(kernel=kernel, smp=2, mem="128M", append="lowmem=64M panic=poweroff", may_panic=True)
    m.send("crash kmap\r")
    assert re.search(r": kmap_local_page\(\) window 0 is unmapped: it had pfn 0x8[4-7]\w{3}$",
                     m.panic().sentence)
    m.wait_exit()
