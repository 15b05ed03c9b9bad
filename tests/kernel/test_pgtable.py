# SPDX-License-Identifier: BSD-2-Clause
"""The page table's and the stacks' suites in every paging mode, alone and on many harts."""

import pytest

import ktap
from conftest import full_matrix
from machine import SUITES_PATIENCE

SUITES = ["pgtable", "pgtable-random", "kstack", "paging"]
MODES = [("qemu-virt", "sv39"), ("qemu-virt", "sv48"), ("qemu-virt", "sv57"), ("qemu-virt32", "sv32")]


def pytest_generate_tests(metafunc):
    if "smp" in metafunc.fixturenames:
        metafunc.parametrize("smp", [1, 2, 4, 8] if full_matrix(metafunc.config) else [1, 4])


@pytest.mark.parametrize("board, mode", MODES)
def test_modes(machine, board, mode, smp):
    m = machine(board=board, smp=smp, mem="64M", append=f"paging={mode}")
    assert any(f"hartwood: {mode}," in x for x in m.run("dmesg")), "another mode runs"
    suites = ktap.parse(m.run("test " + " ".join(SUITES), timeout=SUITES_PATIENCE))
    assert sorted(suites) == sorted(SUITES)
    for suite in suites.values():
        assert not suite.failures(), "\n".join(suite.failures())
    assert m.poweroff() == 0


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_small_and_large(machine, board):
    """What memory is there decides how far the shared regions reach."""
    for mem in ["8M", "1G"]:
        m = machine(board=board, smp=2, mem=mem)
        suites = ktap.parse(m.run("test kstack pgtable", timeout=SUITES_PATIENCE))
        assert not suites["kstack"].failures() and not suites["pgtable"].failures()
        assert m.poweroff() == 0
