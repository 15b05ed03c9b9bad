# SPDX-License-Identifier: BSD-2-Clause
"""A device's memory, which is no memory of the kernel's, gets page descriptors and loses them."""

import pytest

import checks
import info
import ktap
import trees
from info import MIB

START, SIZE = 0x84180000, 0xa80000


@pytest.mark.parametrize("paging", ["sv39", "sv57"])
def test_no_map_region(machine, paging):
    dtb = trees.from_file("device_memory", smp="2", mem="256M")
    m = machine(smp=2, mem="256M", dtb=str(dtb), append=f"paging={paging}")
    before = m.run("ptdump")
    result = ktap.parse(m.run("test memremap"))["memremap"]
    assert not result.failures()
    skipped = {c.name for c in result.cases if c.skip is not None}
    assert not skipped & {"refused", "descriptors", "references", "no-map"}
    assert ("roots" in skipped) == (paging != "sv39") # one root entry has all descriptors
    assert m.run("ptdump") == before
    checks.no_errors_logged(m, ["for test_mappings"])
    checks.suites_pass(m)
    mem, _, _ = checks.memory_adds_up(m, 256 * MIB)
    assert mem["NoMap"] >= SIZE
    linear = [x for x in info.ptdump(m.run("ptdump")) if x.region == "linear map"]
    assert not any(x.pa < START + SIZE and START < x.pa_end for x in linear)
    assert m.poweroff() == 0
