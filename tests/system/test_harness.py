# SPDX-License-Identifier: BSD-2-Clause
"""The harness itself: it must notice what it's there to notice, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

import ktap
import machine as machines
from machine import TOP

GOOD = """KTAP version 1
1..2
    KTAP version 1
    # Subtest: one
    1..2
    ok 1 first
[    0.010000] smp: a message in between
    ok 2 second # SKIP no such hardware
ok 1 one
    KTAP version 1
    # Subtest: two
    1..1
    # two.c:3: expected x == 1: found 2
    not ok 1 only
not ok 2 two
# totals: pass:1 fail:1 skip:1
sh: test: exit -5
"""


def parse(text):
    return ktap.parse(text.rstrip("\n").split("\n"))


def test_ktap_is_read():
    suites = parse(GOOD)
    assert list(suites) == ["one", "two"]
    assert suites["one"].ok and suites["one"].cases[1].skip == "no such hardware"
    assert not suites["one"].failures()
    assert suites["two"].failures()[0] == "two.only: two.c:3: expected x == 1: found 2"


@pytest.mark.parametrize("change", [
    ("KTAP version 1\n1..2\n", "1..2\n"),
    ("1..2\n    KTAP", "1..3\n    KTAP"),                       # a suite is missing
    ("1..2\n    ok 1 first", "1..3\n    ok 1 first"),           # a case is missing
    ("    ok 2 second # SKIP no such hardware\n", ""),
    ("ok 2 second", "ok 3 second"),
    ("not ok 2 two", "ok 2 two"),
    ("ok 1 one\n", "ok 1 other\n"),
    ("pass:1", "pass:2"),
    ("# totals: pass:1 fail:1 skip:1\n", ""),
    ("fail:1", "fail:0"),
    ("    ok 1 first\n", "    ok 1 first\n    what is this\n"),
    ("not ok 2 two\n# totals: pass:1 fail:1 skip:1\nsh: test: exit -5\n", ""),   # it crashed
])
def test_ktap_that_is_not_whole(change):
    with pytest.raises(ktap.KtapError):
        parse(GOOD.replace(change[0], change[1], 1))


def test_ktap_sees_pages_that_are_missing():
    """A suite whose cases are all ok can still fail: by what is said after them."""
    lost = GOOD.replace("ok 1 one", "    # one: 90 free pages at the end, 91 at the start\n"
                        "not ok 1 one").replace("fail:1", "fail:2")
    assert parse(lost)["one"].failures() == ["one: one: 90 free pages at the end, 91 at the start"]


@pytest.mark.parametrize("line,alarming", [
    ("[    0.1] BUG at mm/buddy.c:12: order > 10", True),
    ("[    0.1] WARN at kernel/core/smp.c:210: irqs_disabled()", True),
    ("[    0.1] Kernel panic on hart 0: no memory node", True),
    ("[    0.1] interrupt 9 is unexpected", True),
    ("** 3 messages lost **", True),
    ("    not ok 3 merge", True),
    ("make the kernel panic, in one of several ways", False),
    ("bug        a BUG_ON() whose condition is true", False),
    ("    ok 3 merge", False),
])
def test_alarms(line, alarming):
    assert bool(machines.ALARM.search(line)) == alarming


def test_an_alarm_fails(machine):
    """What the fixture judges at the end of a test does see a panic that no test waited for."""
    m = machine(smp=1, mem="64M", append="panic=poweroff")
    m.send("crash bug\r")
    m.wait_exit()
    assert any("Kernel panic" in x for x in m.alarms())
    m.may_panic = True


def test_a_panic_after_the_prompt_fails_at_once(machine):
    m = machine(smp=1, mem="64M", append="panic=halt", may_panic=True)
    start = time.monotonic()
    with pytest.raises(machines.ConsoleError, match="'crash null' ended in a panic"):
        m.run("crash null")
    assert time.monotonic() - start < machines.PATIENCE / 2


def test_a_panic_before_the_prompt_fails_at_once(machine):
    m = machine(smp=1, mem="64M", append='panic=halt run="crash null"', boot=False, may_panic=True)
    start = time.monotonic()
    with pytest.raises(machines.ConsoleError, match="panicked instead"):
        m.boot()
    assert time.monotonic() - start < machines.PATIENCE / 2


def test_a_silent_machine_fails(machine):
    m = machine(smp=1, mem="64M", extra=["-S"], boot=False, timeout=1)
    with pytest.raises(machines.ConsoleError, match="within 1 s"):
        m.boot()


STARTER = """
import sys, time
sys.path[:0] = ["tests/system", "tools"]
import machine
m = machine.Machine(smp=1, mem="64M").boot()
print(m.console.pid, flush=True)
time.sleep(1000)
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_qemu_ends_with_its_starter(image, how):
    image("qemu-virt")
    starter = subprocess.Popen([sys.executable, "-c", STARTER], cwd=TOP, stdout=subprocess.PIPE,
                               text=True)
    qemu = int(starter.stdout.readline())
    assert is_running(qemu)
    os.kill(starter.pid, how)
    starter.wait()
    for _ in range(10 * machines.PATIENCE):
        if not is_running(qemu):
            return
        time.sleep(0.1)
    os.kill(qemu, signal.SIGKILL)
    pytest.fail("QEMU outlived its starter")
