# SPDX-License-Identifier: BSD-2-Clause
"""The suites in the kernel, one test a suite and machine.

A machine boots once and runs all its suites (`test`); here its results are looked up.
Which suites there are stands in the sources; the kernel must have just these.
"""

import pathlib
import re

import pytest

import ktap
from machine import SUITES_PATIENCE

HERE = pathlib.Path(__file__).parent
MACHINES = {
    "rv64-1hart": dict(board="qemu-virt", smp=1, mem="64M"),
    "rv64-2harts": dict(board="qemu-virt", smp=2, mem="128M"),
    "rv64-4harts": dict(board="qemu-virt", smp=4, mem="256M"),
    "rv64-8harts": dict(board="qemu-virt", smp=8, mem="256M"),
    "rv64-numa": dict(board="qemu-virt", smp=4, mem="1G", numa=2),
    "rv64-4harts-sv39": dict(board="qemu-virt", smp=4, mem="256M", append="paging=sv39"),
    "rv32-4harts": dict(board="qemu-virt32", smp=4, mem="256M"),
}


def suites_in_sources():
    """The names in `struct ktap_suite X = { .name = "NAME", ...` or `{ "NAME", ...`."""
    named = re.compile(r'struct ktap_suite \w+ = \{\s*(?:\.name = )?"([\w-]+)"')
    return sorted(m[1] for path in HERE.glob("*.c") for m in named.finditer(path.read_text()))


@pytest.fixture(scope="module")
def results(module_machine):
    """results(name): the suites that the machine ran, run when first asked for; once, also if it
    fails."""
    done = {}

    def suites(m):
        done = m.run("test", timeout=SUITES_PATIENCE), [x for x in m.run("test -l") if x]
        assert m.poweroff() == 0
        return done

    def run(name):
        if name not in done:
            m = module_machine(**MACHINES[name])
            try:
                done[name] = suites(m)
            except AssertionError as why: # the console fell silent, or said the wrong thing
                done[name] = why
            m.close()
        if isinstance(done[name], Exception):
            raise done[name]
        return done[name]
    return run


@pytest.mark.parametrize("suite", suites_in_sources())
@pytest.mark.parametrize("name", MACHINES)
def test_suite(results, name, suite):
    suites = ktap.parse(results(name)[0])
    assert suite in suites, "the kernel doesn't have this suite"
    assert not suites[suite].failures(), "\n".join(suites[suite].failures())


@pytest.mark.parametrize("name", MACHINES)
def test_list_is_complete(results, name):
    output, listed = results(name)
    assert sorted(listed) == suites_in_sources()
    assert sorted(ktap.parse(output)) == suites_in_sources()
