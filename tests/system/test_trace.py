# SPDX-License-Identifier: BSD-2-Clause
"""tools/trace: what a kernel traced is drawn; what isn't a trace is refused by name."""

import importlib.machinery
import importlib.util
import re
import subprocess
import xml.etree.ElementTree as xml

import pytest

from machine import SUITES_PATIENCE, TOP

TOOL = TOP / "tools/trace"
SMALL = """hartwood> trace --raw
trace-begin 1 10000000 2
thread 1 16 main
thread 2 16 idle/0
thread 3 16 worker <&>
e 0 1000 sched_wakeup 3 1 10
e 0 1010 ipi_send 1 2 0
e 1 1050 irq_entry 1 ffffffff80001234 0
e 1 1060 irq_exit 1 1 0
e 1 1065 sched_switch 4 3 0
e 0 1100 timer_expire 0 ffffffff80005678 1f4
e 0 1200 sched_switch 1 2 1
e 1 1300 sched_switch 3 4 3
trace-end 8
"""


@pytest.fixture(scope="module")
def tool():
    loader = importlib.machinery.SourceFileLoader("trace_tool", str(TOOL))
    spec = importlib.util.spec_from_loader("trace_tool", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def marks(svg, kind):
    """The titles of the shapes of a class."""
    root = xml.fromstring(svg)
    name = "{http://www.w3.org/2000/svg}title"
    return [e.find(name).text for e in root.iter() if e.get("class") == kind]


def test_small(tool):
    trace = tool.parse(SMALL)
    assert trace.harts == 2 and trace.end() == 30.0
    assert tool.runs(trace) == [(1, 3, 6.5, 30.0, "ended"), (0, 2, 20.0, 30.0, "runs on"),
                                (1, 4, 30.0, 30.0, "runs on")]
    assert tool.interrupts(trace) == [(1, 1, 5.0, 6.0)]
    assert tool.ipis(trace) == [(0, 1, 1.0, 5.0)]
    svg = tool.draw(trace)
    assert marks(svg, "run")[0] == "worker <&> on hart 1: 6.5 to 30.0 us, then ended"
    assert len(marks(svg, "irq")) == len(marks(svg, "ipi")) == len(marks(svg, "timer")) == 1
    assert "wakes worker <&> for hart 1, priority 16" in marks(svg, "wakeup")[0]
    assert len(marks(tool.draw(trace, 8, 15), "run")) == 1, "a part has only what is in it"


@pytest.mark.parametrize("change, complaint", [
    (("trace-end 8", "trace-end 9"), "9 events were printed, 8 arrived"),
    (("trace-end 8", ""), "isn't whole"),
    (("trace-begin 1", "trace-begin 2"), "version 2"),
    (("e 1 1050", "e 7 1050"), "line 8: hart 7, of 2"),
    (("e 1 1300", "e 1 130"), "line 13: goes back in time"),
    (("trace-begin 1 10000000 2", "trace-begin 1 0 2"), "no ticks a second"),
])
def test_bad_input(tmp_path, change, complaint):
    bad = tmp_path / "console"
    bad.write_text(SMALL.replace(*change))
    done = subprocess.run([TOOL, bad, "-o", tmp_path / "x.svg"], capture_output=True, text=True)
    assert done.returncode and complaint in done.stderr and str(bad) in done.stderr
    assert not (tmp_path / "x.svg").exists()


def test_kernel(machine, tool):
    m = machine(smp=4, mem="256M")
    points = [line.split()[0] for line in m.run("trace list")]
    assert {"sched_switch", "sched_wakeup", "irq_entry", "irq_exit", "timer_start", "timer_expire",
            "ipi_send"} <= set(points)
    assert "no tracepoint nonsense" in m.run("trace on nonsense")[0]
    m.run("trace clear")
    m.run("trace on")
    m.run("test thread", timeout=SUITES_PATIENCE)
    m.run("trace off")
    shown = m.run("trace show 20")
    assert len(shown) == 20 and all(re.match(r"\[ *\d+\.\d{6}\] +\d ", line) for line in shown)
    raw = m.run("trace --raw")
    m.run("trace clear")
    assert m.run("trace show") == [""] or not any(m.run("trace show"))
    trace = tool.parse("\n".join(raw))
    assert trace.harts == 4 and len(trace.events) > 100
    assert "main" in trace.threads.values()
    for hart in range(4):       # each turn begins where the one before ended
        turns = [r for r in tool.runs(trace) if r[0] == hart]
        assert all(a[3] == b[2] for a, b in zip(turns, turns[1:]))
    assert len(marks(tool.draw(trace), "run")) == len(tool.runs(trace))
    assert m.poweroff() == 0
