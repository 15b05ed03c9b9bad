# SPDX-License-Identifier: BSD-2-Clause
"""Everything at once for a time, in a kernel that checks itself, with perturbation.

The kernel with every check on (make DEBUG=1) runs `stress threads` with perturb=SEED and one
allocation in twenty failing, then the suites that have to do with threads.  SOAK_SECONDS is for
all machines together: 15 by default, in `make check`; `make soak` takes 600.  Then the same time
once more for `stress pages`, for `stress slab`, after which each cache must have as many objects
in use as before, and for `stress vmalloc`, with 100,000 areas at a time on rv64.  SOAK_SEED repeats a run's choices (not its timing).
"""

import os
import random
import re

import pytest

import ktap
from machine import SUITES_PATIENCE

SECONDS = int(os.environ.get("SOAK_SECONDS", "15"))
SEED = int(os.environ.get("SOAK_SEED", "0")) or random.randrange(1, 1 << 31)
SUITES = "fault_inject hotplug ipi mutex smp thread workqueue"
MACHINES = {
    "rv64-4harts": dict(board="qemu-virt", smp=4, mem="256M"),
    "rv32-2harts": dict(board="qemu-virt32", smp=2, mem="128M"),
    "rv64-1hart": dict(board="qemu-virt", smp=1, mem="64M"),
    "rv64-8harts-numa": dict(board="qemu-virt", smp=8, mem="1G", numa=2),
    "rv32-8harts": dict(board="qemu-virt32", smp=8, mem="256M"),
    "rv64-2harts-sv39": dict(board="qemu-virt", smp=2, mem="128M", append="paging=sv39"),
}
# A short run takes the first three: many harts, the other width, one hart.
CHOSEN = list(MACHINES) if SECONDS >= 120 else list(MACHINES)[:3]
# With the checks off memory is used as fast as it can be.
PAGES = {
    "pages-4harts": dict(board="qemu-virt", smp=4, mem="256M", checked=True),
    "pages-8harts-numa": dict(board="qemu-virt", smp=8, mem="1G", numa=2, checked=False),
    "pages-rv32-4harts": dict(board="qemu-virt32", smp=4, mem="128M", checked=False),
}
# Each is checked by other means: owners and red zones, leaks and samples.
SLAB = {
    "slab-4harts": dict(board="qemu-virt", smp=4, mem="256M", checked=True),
    "slab-4harts-numa": dict(board="qemu-virt", smp=4, mem="1G", numa=2, checked=True,
                             append="kmemleak=on kfence.sample_interval=10"),
    "slab-rv32-4harts": dict(board="qemu-virt32", smp=4, mem="128M", checked=False,
                             append="slub_debug"),
}

# A checked kernel counts the steps in the tree of addresses.
VMALLOC = {
    "vmalloc-2harts": dict(board="qemu-virt", smp=2, mem="512M", checked=True),
    "vmalloc-4harts-numa": dict(board="qemu-virt", smp=4, mem="1G", numa=2, checked=False),
    "vmalloc-rv32-2harts": dict(board="qemu-virt32", smp=2, mem="256M", checked=False),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_soak(machine, debug_kernel, name):
    options = dict(MACHINES[name])
    seconds = max(SECONDS // len(CHOSEN), 1)
    arguments = f"perturb={SEED} " + options.pop("append", "")
    print(f"seed {SEED}, {seconds} seconds")
    m = machine(kernel=debug_kernel(options["board"]), append=arguments, **options)
    assert m.run(f"fault fail_page_alloc probability=5 space=4M seed={SEED}") == []
    assert m.run(f"fault failslab probability=5 space=1M seed={SEED}") == []
    said = m.run(f"stress threads {seconds} {SEED}", timeout=seconds * 3 + SUITES_PATIENCE)
    assert "stress threads: passed" in said, "\n".join(said)
    m.run("fault fail_page_alloc off")
    m.run("fault failslab off")
    assert m.run("slabinfo -v")[0].endswith(" 0 of them broken")
    if SECONDS >= 120:
        suites = ktap.parse(m.run(f"test {SUITES}", timeout=SUITES_PATIENCE))
        assert sorted(suites) == sorted(SUITES.split())
        faults = [line for suite in suites.values() for line in suite.failures()]
        assert not faults, "\n".join(faults)
    threads = m.run("ps")
    assert not [line for line in threads if "actor/" in line], "an actor was left behind"
    assert m.poweroff() == 0


@pytest.mark.parametrize("name", PAGES)
def test_pages(machine, debug_kernel, name):
    """Memory short on all harts, harts off and on; as much is free at the end as at the start."""
    options = dict(PAGES[name])
    checked = options.pop("checked")
    seconds = max(SECONDS // len(PAGES), 2)
    if checked:
        options.update(kernel=debug_kernel(options["board"]), append=f"perturb={SEED}")
    print(f"seed {SEED}, {seconds} seconds")
    m = machine(**options)
    said = m.run(f"stress pages {seconds} {SEED}", timeout=seconds * 3 + SUITES_PATIENCE)
    assert "stress pages: passed" in said, "\n".join(said)
    assert not [line for line in m.run("dmesg 3") if line], "something was reported"
    assert m.poweroff() == 0


@pytest.mark.parametrize("name", SLAB)
def test_slab(machine, debug_kernel, name):
    """Objects and caches come and go on all harts, some allocations fail: nothing is left."""
    options = dict(SLAB[name])
    arguments = options.pop("append", "")
    seconds = max(SECONDS // len(SLAB), 2)
    if options.pop("checked"):
        arguments += f" perturb={SEED}"
        options.update(kernel=debug_kernel(options["board"]))
    print(f"seed {SEED}, {seconds} seconds")
    m = machine(append=arguments, **options)
    said = m.run(f"stress slab {seconds} {SEED}", timeout=seconds * 3 + SUITES_PATIENCE)
    assert "stress slab: passed" in said, "\n".join(said)
    assert m.run("slabinfo -v")[0].endswith(" 0 of them broken")
    assert not [line for line in m.run("dmesg 3") if line], "something was reported"
    assert m.poweroff() == 0


@pytest.mark.parametrize("name", list(VMALLOC) if SECONDS >= 120 else list(VMALLOC)[:1])
def test_vmalloc(machine, debug_kernel, name):
    """100,000 areas, others made and freed on all harts and in interrupts, some allocations fail."""
    options = dict(VMALLOC[name])
    seconds = max(SECONDS // len(VMALLOC), 2)
    checked = options.pop("checked")
    if checked:
        options.update(kernel=debug_kernel(options["board"]), append=f"perturb={SEED}")
    print(f"seed {SEED}, {seconds} seconds")
    m = machine(**options)
    said = "\n".join(m.run(f"stress vmalloc {seconds} {SEED}",
                           timeout=seconds * 3 + SUITES_PATIENCE))
    assert "stress vmalloc: passed" in said, said
    many, steps = map(int, re.search(r"(\d+) more at a time, (\d+) steps each", said).groups())
    assert many == 100_000 or options["board"] == "qemu-virt32"
    assert steps if checked else not steps
    assert m.run("vmallocinfo -v")[-1].endswith("are sound")
    assert not [line for line in m.run("dmesg 3") if line], "something was reported"
    assert m.poweroff() == 0
