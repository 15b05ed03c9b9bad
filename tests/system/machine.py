# SPDX-License-Identifier: BSD-2-Clause
"""machine.py - a board in QEMU with its console at a test's fingertips

    m = Machine(smp=2, mem="256M", append="paging=sv39")
    m.boot()
    lines = m.run("meminfo")
    assert m.poweroff() == 0

Everything that the console printed is m.transcript.  A machine must be closed; the
fixture `machine` (tests/conftest.py) does that, and fails the test if the transcript
holds a line that no healthy kernel prints.  A QEMU dies with the process that started
it, however that ends.

QEMU=program replaces the emulator (for both register widths if it ends in "riscv64").
"""

import ctypes
import io
import os
import pathlib
import re
import shlex
import signal

import pexpect

import qemu  # tools/qemu.py

TOP = pathlib.Path(__file__).resolve().parents[2]
PROMPT = "\nhartwood> "

# Seconds until a wait is given up.  They are against hanging and measure nothing: a machine with
# more harts than its busy host has processors is many times slower than on a quiet one.
PATIENCE = 300
SUITES_PATIENCE = 1200      # for `test` with all suites, `stress` and the like

# What a healthy kernel never prints.
ALARM = re.compile(r"\bBUG\b|\bWARN\b|Kernel panic|[Uu]nexpected|messages lost|^\s*not ok\b")
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class ConsoleError(AssertionError):
    """The console didn't say what was waited for; tests/conftest.py shows what it did say."""


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def emulator(board):
    """The program that QEMU= names, for this board's register width; "" for the board's own."""
    program = os.environ.get("QEMU", "")
    if program and "riscv32" in qemu.board_data(board).get("QEMU_SYSTEM", ""):
        return re.sub(r"riscv64$", "riscv32", program)
    return program


class Machine:
    """One emulated board, from its start to its end."""

    def __init__(self, board="qemu-virt", kernel="Image", may_panic=False, extra=(),
                 timeout=PATIENCE, **options):
        """@kernel: a file of build/BOARD, or a path.  @options: see tools/qemu.py's command().
        @may_panic: alarming lines are what the test is about."""
        if "/" not in str(kernel):
            kernel = TOP / "build" / board / kernel
        self.board = board
        self.may_panic = may_panic
        self.status = None
        self._log = io.StringIO()
        args = qemu.command(board, kernel=str(kernel), qemu=emulator(board),
                            extra=["-no-reboot", *extra], **options)
        self.command = shlex.join(args)
        self.console = pexpect.spawn(args[0], args[1:], cwd=TOP, timeout=timeout, echo=False,
                                     encoding="utf-8", codec_errors="replace",
                                     preexec_fn=die_with_parent, dimensions=(50, 200))
        self.console.logfile_read = self._log
        self.console.delaybeforesend = None

    # ---- the console ----

    @property
    def transcript(self):
        return self._log.getvalue().replace("\r", "")

    @property
    def lines(self):
        return ESCAPE.sub("", self.transcript).split("\n")

    def fail(self, what):
        """A test whose console failed shows the transcript by itself: see conftest.py."""
        raise ConsoleError(f"{what}; the console's last line: {self.lines[-1]!r}") from None

    def expect(self, pattern, timeout=-1):
        """Wait for a regular expression; returns the match object."""
        seconds = self.console.timeout if timeout < 0 else timeout
        what = self.console.expect([pattern, pexpect.TIMEOUT, pexpect.EOF], timeout=seconds)
        if what:
            self.fail(f"no {pattern!r} " + (f"within {seconds} s" if what == 1 else "before the end"))
        return self.console.match

    def send(self, text):
        self.console.send(text)

    def boot(self):
        """Wait for the prompt; a panic before it fails at once."""
        if self.expect(f"{PROMPT}|Kernel panic[^\n]*\n").group().lstrip("\n").startswith("Kernel"):
            self.expect("end of panic[^\n]*\n")
            self.fail("the kernel panicked instead of showing its prompt")
        return self

    def run(self, command, timeout=-1):
        """Type a command; returns the lines that it printed.  A panic fails at once."""
        self.send(command + "\r")
        if self.expect(f"{PROMPT}|end of panic", timeout).group() != PROMPT:
            self.fail(f"'{command}' ended in a panic")
        printed = ESCAPE.sub("", self.console.before.replace("\r", ""))
        return printed.split("\n")[1:]

    def panic(self, timeout=-1):
        """Wait for the end of a panic; returns it."""
        self.expect(r"Kernel panic on hart \d+: [^\n]*\n", timeout)
        self.expect(r"---\[ end of panic: \w+ \]---\r*\n")
        return Panic(self.lines)

    # ---- the end ----

    def wait_exit(self, timeout=PATIENCE):
        """Wait until QEMU ends by itself; returns its exit status."""
        if self.console.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=timeout):
            self.fail(f"QEMU still runs after {timeout} s")
        self.close()
        return self.status

    def poweroff(self):
        """Type poweroff; returns QEMU's exit status."""
        self.send("poweroff\r")
        return self.wait_exit()

    def close(self):
        """End QEMU if it still runs. Harmless when repeated."""
        if self.console.closed:
            return
        self.console.close(force=True)
        self.status = self.console.exitstatus
        if self.status is None:
            self.status = -self.console.signalstatus

    def alarms(self):
        """Lines of the transcript that no healthy kernel prints."""
        return [] if self.may_panic else [line for line in self.lines if ALARM.search(line)]


class Panic:
    """What the console said about a panic, in parts."""

    def __init__(self, lines):
        messages = [re.search(r"Kernel panic on hart (\d+): (.*)", line) for line in lines]
        messages = [m for m in messages if m]
        self.count = len(messages)
        self.hart = int(messages[0][1])
        self.sentence = messages[0][2]
        self.registers = {}
        for line in lines:
            line = re.sub(r"^\[ *[\d.]+\] ", "", line)
            if re.match(r"\s*(epc|[a-z]\w{1,2}) [0-9a-f]{8,16}\b", line):
                pairs = re.findall(r"([a-z]\w+) ([0-9a-f]{8}(?:[0-9a-f]{8})?)\b", line)
                self.registers.update((name, int(value, 16)) for name, value in pairs)
        self.trace = []     # functions, innermost first, without what the compiler appended
        for line in lines:
            frame = re.search(r" #\d+ [0-9a-f]+ (\w+)[\w.]*\+0x", line)
            if frame:
                self.trace.append(frame[1])
