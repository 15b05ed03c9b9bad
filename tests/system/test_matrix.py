# SPDX-License-Identifier: BSD-2-Clause
"""The matrix: paging modes x harts x memory x how QEMU is given the kernel.

Each machine boots to its prompt, passes all suites, tells a consistent story about its
memory and harts, and switches itself off.  Rows are chosen so that each pair of values
occurs; --matrix boots the full product.
"""

import pytest

import checks
import info
import qemu  # tools/qemu.py
from conftest import full_matrix
from info import GIB, MIB
from pairwise import pairwise, pairs_of, product

PAGING = ("sv39", "sv48", "sv57")
HARTS = (1, 2, 4, 8)
MEMORY = ("8M", "32M", "128M", "256M", "1G", "4G", "8G", "16G")
KERNEL = ("Image", "hartwood")   # boot image, and ELF
RAM = 0x80000000
FOUR_GIB = 4 * GIB


def pytest_generate_tests(metafunc):
    if "row" in metafunc.fixturenames:
        choose = product if full_matrix(metafunc.config) else pairwise
        rows = choose(PAGING, HARTS, MEMORY, KERNEL)
        metafunc.parametrize("row", rows, ids=["-".join(map(str, row)) for row in rows])


def test_rows_have_every_pair():
    everything = product(PAGING, HARTS, MEMORY, KERNEL)
    chosen = pairwise(PAGING, HARTS, MEMORY, KERNEL)
    assert set().union(*map(pairs_of, everything)) == set().union(*map(pairs_of, chosen))
    assert len(chosen) <= 40


def expected_zones(total):
    """[(start, end)] of QEMU virt without limited devices: cut at 4 GiB, where RAM crosses it."""
    end = RAM + total
    return [(RAM, end)] if end <= FOUR_GIB else [(RAM, FOUR_GIB), (FOUR_GIB, end)]


def test_boot(machine, row):
    paging, harts, memory, kernel = row
    total = qemu.parse_bytes(memory)
    m = machine(smp=harts, mem=memory, kernel=kernel, append=f"paging={paging}")
    assert any(f"{paging}," in line for line in m.lines), "the paging mode asked for was not taken"

    checks.no_errors_logged(m)   # before the suites, which ask for errors
    checks.suites_pass(m)
    mem, zones, banks = checks.memory_adds_up(m, total)
    assert banks == [(RAM, RAM + total)]
    assert checks.zone_spans(m) == expected_zones(total)
    assert {z.nid for z in zones.zones} == {0}
    if total == 8 * MIB and harts == 1:
        assert mem["MemFree"] >= 5.5 * MIB
    checks.harts_online(m, range(harts))
    checks.write_xor_execute(m)
    assert m.poweroff() == 0


def test_small_machine_has_room(machine):
    """8 MiB boots, and at least 5.5 MiB of it are free."""
    m = machine(smp=1, mem="8M")
    assert info.meminfo(m.run("meminfo"))["MemFree"] >= 5.5 * MIB
    assert m.poweroff() == 0
