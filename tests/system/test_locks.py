# SPDX-License-Identifier: BSD-2-Clause
"""Locks that watch themselves: a kernel built with DEBUG=1 notices mistakes, and makes none.

`lockbug KIND` makes each mistake; what the console says must name it, the code that made it and,
where there is one, the other side.  The suites run under schedule perturbation with several seeds.
"""

import re

import pytest

import ktap
from machine import SUITES_PATIENCE

# Mistakes that are reported, and the kernel goes on: the sentence and functions of the backtrace.
REPORTED = {
    "order": (r"wrong order of locks: wait \(rank \d+, 0x[0-9a-f]+\) is taken at bug_order\S+ "
              r"while the hart holds zone \(rank \d+\), taken at bug_order", ["bug_order"]),
    "mutex-order": (r"wrong order of locks: mutex drivers \(rank \d+, 0x[0-9a-f]+\) is taken at "
                    r"bug_mutex_order\S+ while the thread has resource", ["bug_mutex_order"]),
    "unlock": (r"lock 0x[0-9a-f]+ is released by hart \d+ at bug_unlock\S+, but no hart holds it",
               ["bug_unlock"]),
    "sleep": (r"cmd_locks\.c:\d+ may sleep, but preemption is off", ["bug_sleep"]),
    "sleep-irqs": (r"cmd_locks\.c:\d+ may sleep, but interrupts are off", ["bug_sleep_irqs"]),
    "held": (r"cmd_locks\.c:\d+ needs lock 0x[0-9a-f]+, which hart \d+ doesn't hold",
             ["run_lockbug"]),
}

# Mistakes after which nothing can go on: the panic's sentence, and a function on its trace.
FATAL = {
    "twice": (r"hart \d+ takes lock 0x[0-9a-f]+ \(zone\) twice", "bug_twice"),
    "mutex-unlock": (r"mutex at 0x[0-9a-f]+ is unlocked by thread other, its owner is main",
                     "other_unlocks"),
    "mutex-twice": (r"thread main locks mutex 0x[0-9a-f]+ \(resource\) twice", "mutex_lock"),
}


def lockstat(m):
    """{rank's name: the words of its line}."""
    lines = [line.split() for line in m.run("lockstat")]
    return {words[1]: words for words in lines if len(words) == 7 and words[0].isdigit()}


def frames(lines):
    return re.findall(r" #\d+ [0-9a-f]+ (\w+)[\w.]*\+0x", "\n".join(lines))


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_mistakes_are_reported(machine, debug_kernel, board):
    m = machine(board=board, kernel=debug_kernel(board), smp=2, mem="128M", may_panic=True)
    kinds = [x for x in m.run("lockbug") if x]
    assert sorted(kinds) == sorted([*REPORTED, *FATAL]), "each kind is tried here"
    for kind, (sentence, functions) in REPORTED.items():
        printed = m.run(f"lockbug {kind}")
        text = "\n".join(printed)
        assert len(re.findall("BUG: ", text)) == 1, text
        assert re.search(r"BUG: (?:\S+/)?" + sentence, text), text
        trace = frames(printed)
        assert "run_lockbug" in trace and "shell_main" in trace, text
        assert all(f in trace for f in functions), text
    assert m.poweroff() == 0


def test_both_sides_of_a_sleep(machine, debug_kernel):
    """The report shows who sleeps, and who turned preemption off, each with its callers."""
    m = machine(kernel=debug_kernel("qemu-virt"), smp=1, mem="128M", may_panic=True)
    for kind, words in (("sleep", "preemption was turned off here"),
                        ("sleep-irqs", "interrupts were turned off here")):
        text = "\n".join(m.run(f"lockbug {kind}"))
        here, off = text.split(words)
        assert "run_lockbug" in frames([here]) and "run_lockbug" in frames([off]), text
    assert m.poweroff() == 0


@pytest.mark.parametrize("kind", FATAL)
def test_fatal_mistakes(machine, debug_kernel, kind):
    m = machine(kernel=debug_kernel("qemu-virt"), smp=2, mem="128M", append="panic=poweroff",
                may_panic=True)
    m.send(f"lockbug {kind}\r")
    panic = m.panic()
    sentence, function = FATAL[kind]
    assert panic.count == 1
    assert re.search(sentence, panic.sentence), panic.sentence
    assert function in panic.trace, panic.trace
    assert m.wait_exit() != 0


def test_a_place_is_reported_once(machine, debug_kernel):
    m = machine(kernel=debug_kernel("qemu-virt"), smp=1, mem="128M", may_panic=True)
    assert "BUG: " in "\n".join(m.run("lockbug held"))
    assert "BUG: " not in "\n".join(m.run("lockbug held"))
    assert m.poweroff() == 0


def test_figures(machine, debug_kernel):
    """lockstat and irqsoff name what was longest; -c starts again."""
    m = machine(kernel=debug_kernel("qemu-virt"), smp=2, mem="128M")
    m.run("test wait", timeout=SUITES_PATIENCE)
    rows = lockstat(m)
    assert {"wait", "wake", "runqueue", "timer", "zone"} <= set(rows), rows
    assert int(rows["runqueue"][2]) > 1000
    assert all(re.match(r"[\w.]+\+0x", row[6]) for row in rows.values())
    wanted = re.compile(r" +\d+ +\d+ ns +[\w.]+\+0x\S+ \.\.\. [\w.]+\+0x")
    irqs = [line for line in m.run("irqsoff") if wanted.match(line)]
    assert len(irqs) == 2, "a line for each hart"
    before = int(rows["runqueue"][2])
    m.run("lockstat -c")
    assert int(lockstat(m)["runqueue"][2]) < before
    assert m.poweroff() == 0


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_allocations_fail(machine, debug_kernel, board):
    """Each fifth allocation fails, or so, while threads come and go; nothing is lost by it."""
    m = machine(board=board, kernel=debug_kernel(board), smp=2, mem="128M",
                append="fault=fail_page_alloc,probability=0,times=7 fault=nowhere,times=1")
    assert 'fault="nowhere,times=1" is not usable' in m.transcript
    assert any("times 7 more" in line for line in m.run("fault fail_page_alloc"))
    assert m.run("fault fail_page_alloc probability=20 seed=3 space=1M") == []
    assert any("0 to 100" in line for line in m.run("fault fail_page_alloc probability=200"))
    said = m.run("stress threads 4 5", timeout=SUITES_PATIENCE)
    assert "stress threads: passed" in said, "\n".join(said)
    counts = next(line for line in m.run("fault fail_page_alloc") if "calls " in line)
    calls, failed = map(int, re.findall(r"\d+", counts))
    assert calls > 20 and calls / 12 < failed < calls / 3
    m.run("fault fail_page_alloc off")
    assert not ktap.parse(m.run("test fault_inject"))["fault_inject"].failures()
    assert m.poweroff() == 0


@pytest.mark.parametrize("board,smp,seed", [
    ("qemu-virt", 1, 1), ("qemu-virt", 2, 20), ("qemu-virt", 4, 300), ("qemu-virt", 8, 4000),
    ("qemu-virt32", 4, 50000)])
def test_suites_perturbed(machine, debug_kernel, board, smp, seed):
    """The suites of everything that waits, with random delays and switches, find nothing wrong."""
    m = machine(board=board, kernel=debug_kernel(board), smp=smp, mem="256M",
                append=f"perturb={seed}")
    suites = ("fault_inject ipi lockdebug mutex rcu rwlock seqlock wait smp thread timer "
              "workqueue")
    results = ktap.parse(m.run(f"test {suites}", timeout=SUITES_PATIENCE))
    assert sorted(results) == sorted(suites.split())
    for suite in results.values():
        assert not suite.failures(), "\n".join(suite.failures())
    assert m.poweroff() == 0


def test_without_debugging(machine):
    """An ordinary kernel has none of it: no commands, and the argument is unknown."""
    m = machine(smp=1, mem="64M", append="perturb=1")
    assert "unknown argument" in m.transcript
    for command in ("lockstat", "irqsoff", "lockbug", "fault"):
        assert any("no such command" in line for line in m.run(command))
    assert m.poweroff() == 0
