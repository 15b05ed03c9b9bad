# SPDX-License-Identifier: BSD-2-Clause
"""A short replay: migrate types keep what can't be moved together."""

import os
import re
import subprocess

from test_host import MAKE, TOP

OPERATIONS = "3000000"


def test_types_keep_unmovable_pages_together():
    subprocess.run(MAKE + ["build/host/replay"], cwd=TOP, check=True)
    done = subprocess.run([TOP / "build/host/replay"], capture_output=True, text=True,
                          env={**os.environ, "REPLAY_OPERATIONS": OPERATIONS})
    assert done.returncode == 0, done.stdout + done.stderr
    share = {kind: float(order9) for kind, order9 in re.findall(
        r"^# replay (\w+) unmovable-left \S+ \S+ (\S+)$", done.stdout, re.M)}
    assert share["types"] > 1.2 * share["plain"], done.stdout
