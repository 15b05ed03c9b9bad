# SPDX-License-Identifier: BSD-2-Clause
"""Interrupts: each controller, the console by interrupt, idle harts, output in the worst moments."""

import re
import time

import pytest

import info
import ktap
from machine import SUITES_PATIENCE, TOP

VIRT_IMAGE = TOP / "build" / "qemu-virt" / "Image"

# The machine; the controller (its address: its name depends on QEMU's version) and the line of its
# console.
MACHINES = {
    "plic": (dict(smp=4, mem="256M"), "@c000000", 10),
    "plic-1hart": (dict(smp=1, mem="64M"), "@c000000", 10),
    "numa": (dict(smp=4, mem="1G", numa=2), "@c000000", 10),
    "aplic": (dict(smp=4, mem="256M", extra=["-M", "virt,aia=aplic"]), "@d000000", 10),
    "imsic": (dict(smp=4, mem="256M", extra=["-M", "virt,aia=aplic-imsic"]), "@d000000", 10),
    "imsic-8harts": (dict(smp=8, mem="256M", extra=["-M", "virt,aia=aplic-imsic"]),
                     "@d000000", 10),
    "rv32": (dict(board="qemu-virt32", smp=2, mem="256M"), "@c000000", 10),
    "rv32-imsic": (dict(board="qemu-virt32", smp=2, mem="256M",
                        extra=["-M", "virt,aia=aplic-imsic"]), "@d000000", 10),
    "sifive-u": (dict(board="sifive-u", kernel=VIRT_IMAGE), "@c000000", 4),
    "icicle": (dict(board="icicle", kernel=VIRT_IMAGE), "@c000000", 91),
}


@pytest.fixture(params=MACHINES)
def on(request, machine, image):
    """A machine, and what its console's line is: (machine, controller, line)."""
    options, *rest = MACHINES[request.param]
    if "kernel" in options:
        image("qemu-virt")
    return machine(**options), *rest


def the_line(m, controller, line):
    found = [x for x in info.interrupts(m.run("interrupts"))
             if x.controller.endswith(controller) and x.line == line]
    assert len(found) == 1, "the console's line isn't among the interrupts"
    return found[0]


def of_node(m, nid):
    """The harts of a node, as the kernel numbers them: whichever booted is 0."""
    return [h.cpu for h in info.harts(m.run("harts")) if h.nid == nid]


def test_console_by_interrupt(on):
    """What is typed interrupts the hart that the line goes to, and no other."""
    m, controller, line = on
    assert not any("still waits" in x or "failed: error" in x for x in m.lines)
    for cpu in of_node(m, 0):       # node 1, if there is one, has a controller of its own
        assert m.run(f"interrupts -m {the_line(m, controller, line).irq} {cpu}") == []
        before = the_line(m, controller, line)
        assert before.cpu == cpu and before.name
        assert m.run("help help")[1].startswith("usage: help")
        after = the_line(m, controller, line)
        more = [b - a for a, b in zip(before.counts, after.counts)]
        assert more[cpu] > 0 and sum(more) == more[cpu], more


def test_a_hart_out_of_reach(machine):
    """Node 0's controller reaches node 0's harts; the shell goes on as before."""
    m = machine(smp=4, mem="1G", numa=2)
    assert any("plic@c600000: plic" in x for x in m.run("dmesg"))
    before = the_line(m, "@c000000", 10).cpu
    assert before in of_node(m, 0) and len(of_node(m, 1)) == 2
    for cpu in *of_node(m, 1), 4, 4294967295:
        lines = m.run(f"interrupts -m 10 {cpu}")
        assert lines[0] == f"interrupts: irq 10 can't be delivered to cpu {cpu}"
    assert the_line(m, "@c000000", 10).cpu == before


def test_pasted_text_is_not_lost(on):
    """More than the kernel keeps, while it's busy with something else."""
    m, *_ = on
    lines = [f"help no-such-{n}" for n in range(60)]
    m.send("\r".join(["harts", *lines]) + "\r")
    for n in range(60):
        m.expect(rf"\nhelp: there is no command no-such-{n}\r")


def test_interrupting_with_a_full_buffer(on):
    """^C is the last character that the kernel keeps, and all before it are dropped with it: what
    is typed after that interrupts again."""
    m, *_ = on
    m.send("harts -t\r")
    for _ in range(2):
        m.expect(r"\n +0 .*\r")
    m.send("x" * 511 + "\x03")
    m.expect("hartwood> ", timeout=10)
    m.send("help help\r")
    m.expect("usage: help", timeout=10)


def test_idle_harts_sleep(on):
    """<= 10 wake-ups a second on each hart; really nothing is due, so they're far less.  In one of
    some tries: what a hart does takes as long as a busy host lets it take."""
    m, *_ = on
    for _ in range(10):
        m.run("harts")
        time.sleep(4)
        busy = [h for h in info.harts(m.run("harts")) if h.wakeups > 10 or h.idle <= 90]
        if not busy:
            return
    pytest.fail(f"{busy[0]}")


@pytest.mark.parametrize("harts", [1, 2, 4, 8])
@pytest.mark.parametrize("aia", ["none", "aplic", "aplic-imsic"])
def test_suite(machine, aia, harts):
    m = machine(smp=harts, mem="128M", extra=["-M", f"virt,aia={aia}"])
    suite = ktap.parse(m.run("test irq", timeout=SUITES_PATIENCE))["irq"]
    assert not suite.failures()
    assert not any(case.skip for case in suite.cases)
    assert any("1000 interrupts in a row that its handler doesn't want: masked" in x
               for x in m.lines)
    assert m.poweroff() == 0


def test_line_leaves_a_hart_that_goes_off(machine):
    m = machine(smp=2, mem="128M")
    m.run("interrupts -m 10 1")
    assert m.run("harts off 1") == []
    assert the_line(m, "@c000000", 10).cpu == 0
    assert m.run("harts on 1") == []
    assert m.run("interrupts -m 10 1") == []
    assert the_line(m, "@c000000", 10).cpu == 1


def test_top(machine):
    m = machine(smp=2, mem="128M")
    m.send("harts -t\r")
    m.expect(r"\n +1 .*\n(.*\n)+? +1 .*\r")
    m.send("\x03")
    m.expect("\nhartwood> ")


# ---- output from all harts, and panics of several at once ----

MESSAGE = re.compile(r"\[ *\d+\.\d{6}\] cpu (\d+) writes message (\d+), whole and in order")


@pytest.mark.parametrize("harts", [1, 2, 4, 8])
def test_all_write_and_several_panic(machine, harts):
    """Whatever was written before the panic stands there, each line whole, one panic first."""
    m = machine(smp=harts, mem="128M", may_panic=True, append="panic=poweroff")
    m.send("crash all\r")
    panic = m.panic()
    m.wait_exit()
    assert panic.count == 1
    assert re.fullmatch(r"cpu \d+ has had enough", panic.sentence)
    assert "messages lost" not in m.transcript
    start = next(i for i, line in enumerate(m.lines) if line.endswith("crash all"))
    seen = {cpu: [] for cpu in range(harts)}
    past = []
    for line in filter(None, m.lines[start + 1:]):
        if found := MESSAGE.fullmatch(line):
            seen[int(found[1])].append(int(found[2]))
        elif found := re.fullmatch(r"cpu (\d+) writes to the console, past the log", line):
            past.append(int(found[1]))
        else:
            assert re.match(r"\[ *\d+\.\d{6}\] (Kernel panic on|hart \d+ panics too: |Call trace:|"
                            r"hart \d+ doesn't stop|"
                            r" #\d+ [0-9a-f]+ |Kernel offset: |---\[ end of panic)", line), f"a mixed line: {line}"
    assert sorted(past) == list(range(harts))
    for cpu, numbers in seen.items():
        assert numbers == list(range(len(numbers))), f"cpu {cpu}: out of order, or lost"
        assert len(numbers) >= 40, f"cpu {cpu}"
