# SPDX-License-Identifier: BSD-2-Clause
"""The fuzzers, FUZZ_SECONDS each (60): device trees, starting from the compiled ones of tests/dts,
and operations on the page allocator and on small objects, starting from tests/host/corpus.  They
run at the same time.  The one for areas only repeats its corpus; `make fuzz-vmalloc` gives it a
minute.

What a run finds interesting stays in build/host/corpus for the next one; an input that breaks
something is kept in build/host and named.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
OUT = TOP / "build" / "host"
SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))


def fuzz(name, longest, *seeds):
    """Run it; how many inputs it tried."""
    corpus = OUT / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [OUT / f"fuzz_{name}", f"-max_total_time={SECONDS}", f"-max_len={longest}", "-timeout=20",
         "-print_final_stats=1", f"-artifact_prefix={OUT}/fuzz-", corpus, *seeds],
        cwd=TOP, capture_output=True, text=True, timeout=SECONDS + 300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return int(re.search(r"number_of_executed_units: (\d+)", done.stderr)[1])


def replay(name):
    """Run it on what is kept of earlier runs; how many inputs that were."""
    done = subprocess.run([OUT / f"fuzz_{name}", "-runs=0", "-timeout=20",
                           f"-artifact_prefix={OUT}/fuzz-", OUT / "seeds" / name],
                          cwd=TOP, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    return int(re.search(r"INITED.*corp: (\d+)/", done.stderr)[1])


@pytest.fixture(scope="module")
def tried():
    """How many inputs each fuzzer will have tried."""
    done = subprocess.run(["make", "-s", "-f", "tests/host/Makefile", "fuzz"], cwd=TOP,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield {"dt": pool.submit(fuzz, "dt", 8192, OUT / "dts", OUT / "dts" / "bad"),
               "page": pool.submit(fuzz, "page", 4096, OUT / "seeds" / "page"),
               "slab": pool.submit(fuzz, "slab", 4096, OUT / "seeds" / "slab"),
               "vmalloc": pool.submit(replay, "vmalloc")}


@pytest.mark.parametrize("name, least",
                         [("dt", 100 * SECONDS), ("page", 10 * SECONDS), ("slab", 10 * SECONDS),
                          ("vmalloc", 100)])
def test_fuzz(tried, name, least):
    assert tried[name].result() > least
