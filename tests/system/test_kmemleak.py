# SPDX-License-Identifier: BSD-2-Clause
"""The leak detector: it finds what is planted, and nothing where nothing leaks."""

import re

import pytest

import checks

COUNTS = re.compile(r"(\d+) objects in (\d+) pages of records, (\d+) leaks, (\d+) unknown, "
                    r"(\d+) scans")
MACHINES = {
    "1hart-8M": dict(smp=1, mem="8M"),
    "4harts": dict(smp=4, mem="256M"),
    "8harts": dict(smp=8, mem="256M"),
    "numa": dict(smp=4, mem="1G", numa=2),
    "rv32": dict(board="qemu-virt32", smp=4, mem="256M"),
}


def counts(lines):
    """[objects, pages, leaks, unknown, scans]"""
    return [int(x) for x in COUNTS.search("\n".join(lines)).groups()]


@pytest.mark.parametrize("name", MACHINES)
def test_planted_leaks(machine, debug_kernel, name):
    options = dict(MACHINES[name])
    board = options.get("board", "qemu-virt")
    m = machine(kernel=debug_kernel(board), append="kmemleak=on", **options)
    # Slabs' suites first: objects of all kinds come and go, and none of them is a leak.
    checks.suites_pass(m, "slab", "vmalloc")
    m.run("sysctl vm.kmemleak_min_age_ms=0")
    for _ in range(2):
        m.run("kmemleak scan")
    assert counts(m.run("kmemleak"))[2:4] == [0, 0], m.run("kmemleak list")
    suites = checks.suites_pass(m, "kmemleak", "kmemleak-stack")
    assert not [c.name for suite in suites.values() for c in suite.cases if c.skip]
    assert "leak: 96 bytes at" in m.transcript or "leak: 48 bytes at" in m.transcript
    objects, pages, leaks, unknown, scans = counts(m.run("kmemleak scan"))
    assert objects and pages and scans > 30 and leaks == unknown == 0
    assert not [line for line in m.run("kmemleak list") if line]
    assert m.poweroff() == 0


def test_off(machine, debug_kernel):
    """Without the argument nothing is known, and caches have their magazines."""
    m = machine(kernel=debug_kernel("qemu-virt"), smp=2, mem="128M", append="kmemleak=maybe")
    assert 'kmemleak="maybe" is not usable' in m.transcript
    assert any("kmemleak=on turns it on" in line for line in m.run("kmemleak scan"))
    assert "kmemleak" not in "\n".join(m.run("ps"))
    suites = checks.suites_pass(m, "kmemleak", "kmemleak-stack")
    cases = [c for suite in suites.values() for c in suite.cases]
    assert {c.name for c in cases if not c.skip} == {"prepare", "end"}
    assert m.poweroff() == 0
