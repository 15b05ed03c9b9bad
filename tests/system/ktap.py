# SPDX-License-Identifier: BSD-2-Clause
"""ktap.py - reading KTAP version 1 as kernel/shell/ktap.c writes it

parse() takes the output of the shell's `test` and holds it against its own plans: a
suite or a case that is announced and doesn't come, a number out of order or totals that
don't add up are errors (KtapError), as a crash in the middle would show.
"""

import re
from dataclasses import dataclass, field

RESULT = re.compile(r"(not )?ok (\d+) ([\w.-]+)(?: # SKIP ?(.*))?$")


class KtapError(AssertionError):
    pass


@dataclass
class Case:
    name: str
    ok: bool
    skip: str | None
    notes: list


@dataclass
class Suite:
    name: str = ""
    ok: bool = False
    plan: int | None = None
    cases: list = field(default_factory=list)
    notes: list = field(default_factory=list)  # said after the last case

    def failures(self):
        """A line for each thing that went wrong, with what the kernel said about it."""
        bad = [f"{self.name}.{c.name}: " + "; ".join(c.notes) for c in self.cases if not c.ok]
        if not self.ok:
            bad += [f"{self.name}: {note}" for note in self.notes] or [f"{self.name}: not ok"]
        return bad


def result(line, wanted):
    match = RESULT.match(line)
    if not match:
        return None
    if int(match[2]) != wanted:
        raise KtapError(f"number {wanted} was due, not '{line}'")
    return not match[1], match[3], match[4]


def nested(suite, line):
    """One line of the inner level."""
    if line == "KTAP version 1":
        return
    if line.startswith("# Subtest: "):
        suite.name = line[len("# Subtest: "):]
    elif line.startswith("# "):
        suite.notes.append(line[2:])
    elif line.startswith("1.."):
        suite.plan = int(line[3:])
    elif found := result(line, len(suite.cases) + 1):
        ok, name, skip = found
        suite.cases.append(Case(name, ok, skip, suite.notes))
        suite.notes = []
    else:
        raise KtapError(f"no line of KTAP: '{line}'")


def finish(suite, ok, name):
    if name != suite.name:
        raise KtapError(f"suite '{suite.name}' ends as '{name}'")
    if suite.plan != len(suite.cases):
        raise KtapError(f"{name}: {suite.plan} cases planned, {len(suite.cases)} ran")
    if ok and not all(case.ok for case in suite.cases):
        raise KtapError(f"{name}: ok in spite of a case that isn't")
    suite.ok = ok
    return suite


def parse(lines):
    """The suites of one run of `test`, as a dict by name.  Log messages in between are skipped."""
    lines = [line for line in lines if not re.match(r"\[ *\d+\.\d{6}\] |sh: test: exit", line)]
    if not lines or lines[0] != "KTAP version 1":
        raise KtapError("no 'KTAP version 1' in the first line")
    suites, plan, totals, current = {}, None, None, Suite()
    for line in filter(None, lines[1:]):
        if line.startswith("    "):
            nested(current, line[4:])
        elif line.startswith("1.."):
            plan = int(line[3:])
        elif line.startswith("# totals:"):
            totals = {k: int(v) for k, v in re.findall(r"(\w+):(\d+)", line)}
        elif found := result(line, len(suites) + 1):
            suites[found[1]] = finish(current, found[0], found[1])
            current = Suite()
        else:
            raise KtapError(f"no line of KTAP: '{line}'")
    if plan != len(suites) or plan == 0:
        raise KtapError(f"{plan} suites planned, {len(suites)} ran")
    check_totals(suites.values(), totals)
    return suites


def check_totals(suites, totals):
    cases = [case for suite in suites for case in suite.cases]
    passed = sum(case.ok and case.skip is None for case in cases)
    skipped = sum(case.ok and case.skip is not None for case in cases)
    failed = sum(not case.ok for case in cases)
    if not totals or totals["pass"] != passed or totals["skip"] != skipped:
        raise KtapError(f"totals {totals}, but {passed} passed and {skipped} were skipped")
    if totals["fail"] < failed:
        raise KtapError(f"totals {totals}, but {failed} failed")
