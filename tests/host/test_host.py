# SPDX-License-Identifier: BSD-2-Clause
"""Build the host tests and run each, in both register widths.

One pytest test a binary: it passes if the binary says so and its plan was kept.
HOST_SEED=N repeats a run's random numbers.
"""

import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
MAKE = ["make", "-s", "-f", "tests/host/Makefile"]
ENV = {
    **os.environ,
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def host_tests():
    out = subprocess.run(MAKE + ["list"], cwd=TOP, check=True, capture_output=True, text=True)
    return out.stdout.split()


@pytest.fixture(scope="session")
def built():
    done = subprocess.run(MAKE + ["all"], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def check_ktap(output):
    """The plan was kept, every case is ok."""
    lines = output.splitlines()
    plan = next(int(m[1]) for line in lines if (m := re.match(r"1\.\.(\d+)$", line)))
    assert plan > 0
    assert not [line for line in lines if line.startswith("not ok")]
    assert len([line for line in lines if line.startswith("ok ")]) == plan


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", host_tests())
def test_host(built, name, bits):
    done = subprocess.run(
        [f"build/host/{bits}/{name}"], cwd=TOP, env=ENV, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    check_ktap(done.stdout)
