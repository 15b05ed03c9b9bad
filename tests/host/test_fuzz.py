# SPDX-License-Identifier: BSD-2-Clause
"""The fuzzers, FUZZ_SECONDS each (60), starting from the compiled trees of tests/dts.

What a run finds interesting stays in build/host/corpus for the next one; an input that breaks
something is kept in build/host and named.
"""

import os
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
OUT = TOP / "build" / "host"


def test_fuzz_dt():
    seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
    done = subprocess.run(["make", "-s", "-f", "tests/host/Makefile", "fuzz"], cwd=TOP,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    corpus = OUT / "corpus" / "dt"
    corpus.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [OUT / "fuzz_dt", f"-max_total_time={seconds}", "-max_len=8192", "-timeout=10",
         "-print_final_stats=1", f"-artifact_prefix={OUT}/fuzz-", corpus, OUT / "dts",
         OUT / "dts" / "bad"],
        cwd=TOP, capture_output=True, text=True, timeout=seconds + 300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    runs = int(re.search(r"number_of_executed_units: (\d+)", done.stderr)[1])
    assert runs > 100 * seconds, done.stderr[-1000:]
