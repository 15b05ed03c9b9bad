# SPDX-License-Identifier: BSD-2-Clause
"""Build the host tests and run each, in both register widths.

One pytest test a binary: it passes if the binary says so and its plan was kept.  As many run at a
time as there are CPUs.
HOST_SEED=N repeats a run's random numbers.
"""

import concurrent.futures
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


def run(bits, name):
    return subprocess.run([f"build/host/{bits}/{name}"], cwd=TOP, env=ENV, capture_output=True,
                          text=True, timeout=600)


@pytest.fixture(scope="module")
def results(request):
    """What every binary whose test was chosen will say, in the tests' order."""
    done = subprocess.run(MAKE + ["all"], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    chosen = [item.callspec.params for item in request.session.items
              if getattr(item, "originalname", "") == "test_host"]
    pool = concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    yield {(p["bits"], p["name"]): pool.submit(run, p["bits"], p["name"]) for p in chosen}
    pool.shutdown(cancel_futures=True)


def check_ktap(output):
    """The plan was kept, every case is ok."""
    lines = output.splitlines()
    plan = next(int(m[1]) for line in lines if (m := re.match(r"1\.\.(\d+)$", line)))
    assert plan > 0
    assert not [line for line in lines if line.startswith("not ok")]
    assert len([line for line in lines if line.startswith("ok ")]) == plan


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("name", host_tests())
def test_host(results, name, bits):
    done = results[bits, name].result()
    assert done.returncode == 0, done.stdout + done.stderr
    check_ktap(done.stdout)
