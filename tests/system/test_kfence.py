# SPDX-License-Identifier: BSD-2-Clause
"""Watched objects: what is done wrong to one is said, with who allocated and who freed it."""

import re

import pytest

import checks

ON = "kfence.sample_interval=10"
OBJECT = r"kfence:   object 0x\S+ to 0x\S+: 192 bytes of kmalloc-"
ALLOCATED = r"allocated at \d+\.\d{6} by thread 1 on hart \d: watched\+0x\S+ < run_kfencebug\+"
FREED = r"freed at \d+\.\d{6} by thread 1 on hart \d: give\+0x\S+ < "
BUGS = {
    "out-of-bounds": r"BUG: out-of-bounds read of 0x\S+000, 1 byte behind the object",
    "use-after-free": r"BUG: use-after-free write of 0x\S+, 3 bytes into the object",
    "double-free": r"BUG: double free of 0x",
    "invalid-free": r"BUG: invalid free of 0x\S+, 8 bytes into the object",
    "corruption": r"BUG: memory corruption of 0x\S+, 5 bytes before the object",
}
WAS_FREED = ("use-after-free", "double-free")


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_mistakes_are_named(machine, board):
    m = machine(board=board, smp=2, mem="64M", append=ON, may_panic=True)
    for bug, sentence in BUGS.items():
        said = "\n".join(m.run(f"kfencebug {bug}"))
        for wanted in (sentence, OBJECT, ALLOCATED, "Call trace:", r" run_kfencebug\+0x"):
            assert re.search(wanted, said), f"{bug}: no {wanted} in\n{said}"
        assert bool(re.search(FREED, said)) == (bug in WAS_FREED), said
    state = "\n".join(m.run("kfence"))
    for found in ("out-of-bounds", "use-after-free", "double free", "invalid free",
                  "memory corruption"):
        assert re.search(rf"^ +1 {found}$", state, re.M), state
    assert any("freed at" in line for line in m.run("kfence objects"))
    assert m.poweroff() == 0


@pytest.mark.parametrize("where", [dict(smp=4, mem="256M"), dict(smp=1, mem="8M"),
                                   dict(board="qemu-virt32", smp=2, mem="128M")], ids=str)
def test_everything_works_with_it(machine, where):
    m = machine(append=ON, **where)
    checks.suites_pass(m, "kfence", "page_alloc", "slab", "slab_harts", "thread", "usercopy")
    m.run("bench kmalloc64_batch1000")
    sampled = re.search(r"sampled (\d+), freed (\d+)", "\n".join(m.run("kfence")))
    assert int(sampled[1]) >= 100
    assert m.poweroff() == 0


def test_off(machine):
    """Nothing is there without it; it can be turned on, and off again."""
    m = machine(smp=2, mem="64M")
    assert any("kfence: off" in line for line in m.run("kfence"))
    m.run("sysctl kfence.sample_interval=20")
    assert any("each 20 ms; " in line for line in m.run("kfence"))
    m.run("sysctl kfence.sample_interval=0")
    assert any("kfence: off" in line for line in m.run("kfence"))
    checks.no_errors_logged(m)
    assert m.poweroff() == 0
