# SPDX-License-Identifier: BSD-2-Clause
"""A kernel built with KASAN=1: it makes no mistake with small objects, and notices those of others.
"""

import pathlib
import re

import pytest

import checks
from conftest import make

TOP = pathlib.Path(__file__).parents[2]
CALLS = r"allocated at \S+ by thread 1 on hart \d: get_here\+0x\S+ < run_kasanbug\+"
SUITES = ("kasan", "kfence", "mutex", "page_alloc", "printf", "rcu", "sysctl", "thread", "timer",
          "trace", "usercopy", "wait", "workqueue")


@pytest.fixture(scope="module")
def kernel():
    make("BOARD=qemu-virt", "KASAN=1", "image")
    return str(TOP / "build" / "qemu-virt-kasan" / "Image")


@pytest.mark.parametrize("smp", [1, 4])
def test_no_false_reports(machine, kernel, smp):
    m = machine(kernel=kernel, smp=smp, mem="256M")
    suites = checks.suites_pass(m, *SUITES)
    assert not [c for c in suites["kasan"].cases if c.skip]
    assert "kasan: BUG" not in m.transcript
    assert m.poweroff() == 0


def test_mistakes_are_named(machine, kernel):
    m = machine(kernel=kernel, smp=2, mem="256M", may_panic=True)
    said = "\n".join(m.run("kasanbug out-of-bounds"))
    assert re.search(r"BUG: out-of-bounds write of 1 bytes, at 0x\S+, by run_kasanbug\+", said)
    assert "that is its byte 40" in said and re.search(CALLS, said)
    said = "\n".join(m.run("kasanbug use-after-free"))
    assert re.search(r"BUG: use-after-free write of 1 bytes, at 0x\S+, by run_kasanbug\+", said)
    assert re.search(CALLS, said) and re.search(r"freed at \S+ by .*: give\+0x\S+ < run_kasanb", said)
    assert m.poweroff() == 0
