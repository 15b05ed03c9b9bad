# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the kernel and of the system share: starting machines and ending them."""

import os
import subprocess

import pytest

import machine as machines
import qemu  # tools/qemu.py
from machine import TOP


def pytest_addoption(parser):
    parser.addoption("--matrix", action="store_true",
                     help="boot every combination of the matrix, not a choice that has each pair "
                          "(also HARTWOOD_MATRIX=full)")
    parser.addoption("--highmem", action="store_true", help="fill 8 GiB of an rv32 machine, too")


def full_matrix(config):
    return config.getoption("--matrix") or os.environ.get("HARTWOOD_MATRIX") == "full"


def make(*arguments):
    """Run make on all CPUs that the tests may use."""
    made = subprocess.run(["make", f"-j{len(os.sched_getaffinity(0))}", *arguments], cwd=TOP,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert made.returncode == 0, made.stderr


@pytest.fixture(scope="session")
def image():
    """image(board) builds the board's Image and what QEMU needs beside it, once a session."""
    done = set()

    def build(board):
        if board not in done:
            make(f"BOARD={board}", "run-setup")
            make(f"BOARD={board}", "image", *filter(None, [qemu.board_data(board).get("QEMU_DTB")]))
            done.add(board)
    return build


@pytest.fixture(scope="session")
def debug_kernel():
    """debug_kernel(board): the path of an Image with all checks on."""
    done = {}

    def build(board):
        if board not in done:
            make(f"BOARD={board}", "DEBUG=1", "image")
            done[board] = str(TOP / "build" / f"{board}-debug" / "Image")
        return done[board]
    return build


class Starter:
    """Starts machines, and at the end of its scope closes and judges them."""

    def __init__(self, image, seen):
        self.image, self.seen, self.mine = image, seen, []

    def __call__(self, board="qemu-virt", boot=True, **options):
        self.image(board)
        try:
            m = machines.Machine(board, **options)
        except OSError as why:
            if "pty" not in str(why):
                raise
            pytest.exit(f"{why}: a machine's console needs one (is devpts mounted on /dev/pts?)", 1)
        self.mine.append(m)
        self.seen.append(m)
        return m.boot() if boot else m

    def end(self):
        alarms = []
        for m in self.mine:
            m.close()
            alarms += m.alarms()
        assert not alarms, "\n".join(alarms)


@pytest.fixture(scope="session")
def seen_machines():
    """Every machine that may have to do with the test that runs."""
    return []


def starter(image, seen_machines):
    start = Starter(image, seen_machines)
    yield start
    start.end()


machine = pytest.fixture(starter, name="machine")
module_machine = pytest.fixture(starter, scope="module", name="module_machine")


@pytest.fixture(autouse=True)
def forget_closed(request):
    """A failure shows the consoles of this test's machines, not of all before it."""
    if "seen_machines" in request.fixturenames:
        seen = request.getfixturevalue("seen_machines")
        seen[:] = [m for m in seen if not m.console.closed]
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed:
        return
    for m in item.funcargs.get("seen_machines", []) if hasattr(item, "funcargs") else []:
        report.sections.append((f"console: {m.command}", m.transcript))
