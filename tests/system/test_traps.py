# SPDX-License-Identifier: BSD-2-Clause
"""crash: every way to die is reported as what it is, and the machine ends as configured."""

import itertools
import re
import time

import pytest

import checks
import info
from machine import PATIENCE

S_SOFTWARE = 1      # bit of mie

# The sentence of the panic, the function that must be on the trace, and the trap's cause.
WAYS = {
    "panic": (r"asked for by the user", "crash_panic", None),
    "bug": (r"BUG.*cmd_crash\.c:\d+.*two \+ two == 4", "crash_bug", None),
    "null": (r"NULL pointer dereference: load page fault at 0x0", "crash_null", 13),
    "wild": (r"store page fault at pc 0x[0-9a-f]+, address 0xf+d000", "crash_wild", 15),
    "guard": (r"store page fault at pc 0x\w+, address 0x\w+: behind the 8192 bytes of vmalloc area "
              r"0x\w+, made by crash_guard\+0x", "crash_guard", 15),
    "text": (r"store page fault at pc 0x\w+, address 0x\w+: mapped r-x, crash_panic\+0x0/",
             "crash_text", 15),
    "exec": (r"instruction page fault at pc 0x([0-9a-f]+), address 0x\1: mapped rw-", "run_crash", 12),
    "init": (r"instruction page fault at pc 0x([0-9a-f]+), address 0x\1: a function that only boot "
             r"needed was there: run_once\+0x0/0x", "crash_init", 12),
    "stack": (r"kernel stack overflow: sp is 0x[0-9a-f]+, in thread main", "fill_stack", 15),
    "thread-stack": (r"kernel stack overflow: sp is 0x[0-9a-f]+, in thread overflow", "fill_stack",
                     15),
    "smash": (r"stack of crash_smash\+0x\w+/0x\w+: something was written behind an array",
              "crash_smash", None),
    "unaligned": (r"store (address misaligned|access fault) at pc 0x", "crash_unaligned", (6, 7)),
    "illegal": (r"illegal instruction at pc 0x", "crash_illegal", 2),
}


# Places that no kernel code should touch, each tried on another hart than the shell's: what the
# sentence says of them.
PLACES = {
    "user": r"address 0x12345678: a user address",
    "freed": r": in the freed 8192 bytes of vmalloc area 0x\w+, made by crash_freed\+0x",
    "purged": r": in the freed and purged 8192 bytes of vmalloc area 0x\w+, made by crash_purged\+",
    "ioremap": r": behind the 4096 bytes of ioremap area 0x\w+ of 0x\w+000, made by crash_ioremap\+",
    "iounmap": r": in the freed 4096 bytes of ioremap area 0x\w+, made by crash_iounmap\+",
    "vmemmap": r": descriptor of pfn 0x\w+, where no memory is",
    "hole": r": linear map of 0x\w+, where no memory is",
    "rodata": r": mapped r--",
}


def crash(machine, kind, board="qemu-virt", **options):
    m = machine(board=board, smp=2, mem="64M", append="panic=poweroff", may_panic=True, **options)
    m.send(f"crash {kind}\r")
    return m, m.panic()


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
@pytest.mark.parametrize("kind", WAYS)
def test_crash(machine, kind, board):
    sentence, function, cause = WAYS[kind]
    m, panic = crash(machine, kind, board)
    assert panic.count == 1, "it panicked more than once"
    assert re.search(sentence, panic.sentence), panic.sentence
    trace = panic.trace
    assert function in trace, trace
    if "stack" in kind:
        assert trace.count("fill_stack") == len(trace) > 5
    else:
        assert "run_crash" in trace and trace[-2:] == ["shell_main", "start_kernel"]
    if cause is not None:
        causes = cause if isinstance(cause, tuple) else (cause,)
        assert panic.registers["cause"] in causes
        assert panic.registers["epc"] and panic.registers["sp"]
        assert len(panic.registers) == 31 + 4
    assert "came back" not in m.transcript
    m.wait_exit()


@pytest.mark.parametrize("board, kind", zip(itertools.cycle(["qemu-virt", "qemu-virt32"]), PLACES))
def test_place(machine, kind, board):
    m = machine(board=board, smp=2, mem="64M", append="panic=poweroff", may_panic=True)
    other, = (h.hartid for h in info.harts(m.run("harts")) if h.cpu == 1)
    m.send(f"crash {kind} 1\r")
    panic = m.panic()
    assert panic.count == 1 and panic.hart == other
    assert re.search("store page fault at pc .*" + PLACES[kind], panic.sentence), panic.sentence
    assert f"crash_{kind}" in panic.trace and "run_way" in panic.trace, panic.trace
    assert panic.registers["cause"] == 15
    m.wait_exit()


@pytest.mark.parametrize("board,harts", [("qemu-virt", 1), ("qemu-virt", 2), ("qemu-virt", 4),
                                         ("qemu-virt", 8), ("qemu-virt32", 4)])
def test_panic_while_all_hold_locks(machine, board, harts):
    """Every hart has a lock and spins for another with interrupts off: none can be stopped, and
    the panic is out all the same, with the names of those that go on."""
    m = machine(board=board, smp=harts, mem="64M", append="panic=poweroff", may_panic=True)
    ids = {h.cpu: h.hartid for h in info.harts(m.run("harts"))}
    m.send("crash locks\r")
    panic = m.panic()
    assert panic.count == 1
    last = harts - 1
    assert panic.sentence == f"cpu {last} panics while each of {harts} harts holds a lock"
    assert panic.hart == ids[last]
    going_on = [int(x) for x in re.findall(r"hart (\d+) doesn't stop: its interrupts are off",
                                           m.transcript)]
    assert sorted(going_on) == sorted(ids[cpu] for cpu in range(last))
    assert "hold_locks" in panic.trace
    m.wait_exit()


def test_every_way_is_tried(machine):
    m = machine(smp=1, mem="64M")
    listed = {line.split()[0] for line in m.run("crash") if line}
    assert listed - {"all", "locks", "kmap"} == set(WAYS) | set(PLACES)    # all: test_irq.py
    assert m.poweroff() == 0


def test_registers_are_the_trap_s(machine):
    """The faulting address of `text` is crash_panic's, and epc lies in crash_text."""
    _, panic = crash(machine, "text")
    assert panic.trace[0] == "crash_text"
    assert f"pc 0x{panic.registers['epc']:x}, address 0x{panic.registers['tval']:x}" \
        in panic.sentence


def registers(m, *names):
    """A register's value on each hart, for each name: from QEMU's monitor, which has the console."""
    before = len(m.transcript)
    m.send("info registers -a\r")
    m.expect(r"\n\(qemu\) ")
    shown = m.transcript[before:]
    return [[int(n, 16) for n in re.findall(rf"\n {name} +([0-9a-f]+)", shown)] for name in names]


def at_rest(m):
    """Where each hart is, once that doesn't change: the last to be stopped may need a while."""
    end = time.monotonic() + PATIENCE
    before = None
    while time.monotonic() < end:
        now, = registers(m, "pc")
        if now == before:
            return now
        before = now
        time.sleep(0.2)
    m.fail("the harts don't come to rest")


def test_other_harts_stop(machine):
    """After a panic every hart rests at one instruction of the kernel, and all but the one that
    panics have their interrupts disabled: they were stopped, and didn't just have nothing to do."""
    m = machine(smp=4, mem="64M", append="panic=halt", may_panic=True)
    text = next(x for x in info.ptdump(m.run("ptdump")) if "x" in x.bits)
    m.send("crash null\r")
    m.panic()
    m.send("\x01c")          # Ctrl-A C: the monitor
    m.expect(r"\n\(qemu\) ")
    first = at_rest(m)
    assert len(first) == 4
    enabled, = registers(m, "mie")
    assert sorted(bool(mie & 1 << S_SOFTWARE) for mie in enabled) == [False, False, False, True]
    for _ in range(5):
        time.sleep(0.05)
        assert registers(m, "pc") == [first]
    assert all(text.va <= pc < text.end for pc in first), first
    m.send("quit\r")
    m.wait_exit()


@pytest.mark.parametrize("action", ["poweroff", "reboot"])
def test_panic_action(machine, action):
    m = machine(smp=2, mem="64M", append=f"panic={action}", may_panic=True)
    m.send("crash bug\r")
    m.panic()
    assert f"end of panic: {action}" in m.transcript
    m.wait_exit()


def test_exit_status(machine):
    """poweroff and reboot end QEMU (run with -no-reboot) with 0, a panic with another status."""
    assert machine(smp=1, mem="64M").poweroff() == 0
    m = machine(smp=1, mem="64M")
    m.send("reboot\r")
    assert m.wait_exit() == 0
    m, _ = crash(machine, "panic")
    assert m.wait_exit() != 0


def test_write_xor_execute(machine):
    """The image's own leaves: text executable, rodata not writable, data not executable; the
    linear map has no executable leaf."""
    m = machine(smp=4, mem="256M")
    maps = checks.write_xor_execute(m)
    image = [x for x in maps if x.region == "kernel image"]
    assert {x.bits[:3] for x in image} == {"r-x", "r--", "rw-"}
    sections = {r.what: r for r in info.iomem(m.run("iomem")) if r.what.startswith("Kernel ")}
    wanted = {"Kernel code": "r-x", "Kernel rodata": "r--", "Kernel data": "rw-",
              "Kernel bss": "rw-"}
    for what, bits in wanted.items():
        covering = [x for x in image if x.pa < sections[what].end and sections[what].start < x.pa_end]
        assert covering and {x.bits[:3] for x in covering} == {bits}, what
    assert {x.bits[:3] for x in maps if x.region == "linear map"} <= {"rw-", "r--"}
    assert m.poweroff() == 0


@pytest.mark.parametrize("address", ["0", "0x8", "0xfff"])
def test_null_page_is_unmapped(machine, address):
    m = machine(smp=1, mem="64M")
    assert any("nothing can be read" in x for x in m.run(f"peek {address} b"))
    assert m.poweroff() == 0
