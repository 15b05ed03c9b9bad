# SPDX-License-Identifier: BSD-2-Clause
"""Where the kernel's regions lie: drawn at each boot, or as they are linked; and what leaks of it."""

import re
import subprocess

import pytest

import checks
import info
import machine as machines
import trees

LINKED = 0xffffffff80000000
DRAWN = re.compile(r"kaslr: image 0x(\w+) \(offset 0x(\w+)\), linear map 0x(\w+), vmalloc 0x(\w+), "
                   r"vmemmap 0x(\w+)")
SUITES = "kaslr paging pgtable kmalloc vmalloc seal set_memory symbols"


def boot(machine, append="", **options):
    """(machine, what was drawn, or None): image, offset, linear map, vmalloc, vmemmap."""
    m = machine(smp=2, mem="128M", append=append, **options)
    found = DRAWN.search("\n".join(m.run("dmesg")))
    return m, found and [int(x, 16) for x in found.groups()]


def places(m):
    """The first address of each region as the page table has it."""
    first = {}
    for run in info.ptdump(m.run("ptdump")):
        first.setdefault(run.region, run.va)
    return first


@pytest.mark.parametrize("mode", ["sv39", "sv48", "sv57"])
def test_two_boots_differ(machine, mode):
    drawn = []
    for _ in range(2):
        m, found = boot(machine, f"paging={mode}")
        assert found, "nothing was drawn"
        image, offset, linear, vmalloc, vmemmap = found
        assert image == LINKED + offset and image % 4096 == 0
        at = places(m)
        assert at["kernel image"] == image and at["linear map"] == linear
        assert at["vmemmap"] == vmemmap
        checks.suites_pass(m, *SUITES.split())
        drawn.append(found)
        assert m.poweroff() == 0
    first, second = drawn
    # A linear map has 54 places in Sv39, each of the others some hundred at least.
    same = [a == b for a, b in zip(first, second)]
    assert not same[0] and sum(same) <= (1 if mode == "sv39" else 0), drawn


def test_nokaslr_is_the_link(machine):
    found = []
    for _ in range(2):
        m, drawn = boot(machine, "paging=sv39 nokaslr")
        assert drawn is None and "kaslr: off: nokaslr" in "\n".join(m.run("dmesg"))
        found.append(places(m))
        assert m.poweroff() == 0
    assert found[0] == found[1]
    assert found[0]["kernel image"] == LINKED and found[0]["linear map"] == 0xffffffd000000000


def test_seeds(machine):
    """The same seeds draw the same, and kaslr-seed (U-Boot's) counts as rng-seed (QEMU's) does."""
    dtb = trees.changed("kaslr-seed", "/ { chosen { kaslr-seed = <0x12345678 0x9abcdef0>; }; };",
                        smp="2", mem="128M")
    drawn = []
    for options in ({}, {}, {"dtb": str(dtb)}):
        m, found = boot(machine, extra=["-seed", "1"], **options)
        drawn.append(found)
        checks.suites_pass(m, "kaslr")
        chosen = "\n".join(m.run("dt /chosen"))
        assert "rng-seed" in chosen and re.search(r"seed = .*0x[1-9a-f]", chosen) is None
        assert ("kaslr-seed" in chosen) == bool(options)
        assert m.poweroff() == 0
    assert drawn[0] == drawn[1]
    assert not any(a == b for a, b in zip(drawn[1], drawn[2]))


@pytest.mark.parametrize("used", [False, True])
def test_no_seed(machine, tmp_path, used):
    """QEMU always gives a seed, so the debugger changes its name before the kernel runs.
    @used: there is another, of zeros: somebody drew from it."""
    options = {"dtb": str(trees.changed("kaslr-zeros", "/ { chosen { kaslr-seed = <0 0>; }; };",
                                        smp="1", mem="128M"))} if used else {}
    m = machine(boot=False, smp=1, mem="128M", **options, extra=[
        "-S", "-chardev", f"socket,path={tmp_path}/gdb,server=on,wait=off,id=gdb0",
        "-gdb", "chardev:gdb0"])
    done = subprocess.run(
        ["gdb-multiarch", "-q", "-nx", "-batch", "-ex", "set architecture riscv:rv64",
         "-ex", f"target remote {tmp_path}/gdb", "-ex", "hbreak *0x80200000", "-ex", "continue",
         "-ex", 'find /b1 $a1, +65536, \'r\', \'n\', \'g\', \'-\', \'s\', \'e\', \'e\', \'d\'',
         "-ex", "set *(char *)$_ = 'x'", "-ex", "detach"],
        capture_output=True, text=True, timeout=60)
    m.boot()
    log = "\n".join(m.run("dmesg"))
    assert "kaslr: off: the device tree has no kaslr-seed and no rng-seed" in log, done.stdout
    assert places(m)["kernel image"] == LINKED
    assert any("kaslr-seed" in line for line in m.run("dt /chosen")) == used
    checks.suites_pass(m, "kaslr")
    assert m.poweroff() == 0


def test_a_crash_says_where_it_was(machine):
    """Its trace has lines of the source; and without its boot, too."""
    m, drawn = boot(machine, "panic=poweroff", may_panic=True)
    m.send("crash null\r")
    m.panic()
    m.wait_exit()
    text = m.transcript
    assert f"Kernel offset: {drawn[1]:#x} from {LINKED:#x}" in text
    for piece in (text, text[text.index("Kernel panic"):]):
        done = subprocess.run(["tools/symbolize"], input=piece, capture_output=True, text=True,
                              cwd=machines.TOP)
        assert done.returncode == 0, done.stderr
        assert re.search(r"crash_null\+0x\w+/0x\w+  kernel/shell/cmd_crash.c:\d+", done.stdout)
