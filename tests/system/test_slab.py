# SPDX-License-Identifier: BSD-2-Clause
"""Small objects as the shell's commands show them."""

import importlib.util
import re
import subprocess
import xml.etree.ElementTree as xml

import pytest

import checks
import info
import ktap
from info import KIB, PAGE
from machine import SUITES_PATIENCE, TOP

USE = "bench kmalloc64_batch1000 kmem_cache192_pair"


def caches(m):
    found = info.slabinfo(m.run("slabinfo"))
    assert {"kmem_cache", "kmem_cache_node", "magazine"} <= set(found)
    for c in found.values():
        assert c.active <= c.total
        assert c.total % c.objects == 0
        assert c.objects * c.size <= c.pages * PAGE < (c.objects + 1) * c.size
    return found


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_slabinfo(machine, board):
    m = machine(board=board, smp=2, mem="256M")
    before = caches(m)
    m.run(USE)
    after = caches(m)
    assert len(after) > len(before)
    # What was allocated was freed: it is in magazines, and they are in use.
    used = [c for c in after.values() if re.fullmatch(r"kmalloc(-rnd-\d+)?-64", c.name)]
    assert used and all(c.size == 64 and c.active == 0 for c in used)
    assert any(c.total >= 1000 and c.magazines and c.depot for c in used)
    magazines = sum(c.magazines + c.depot for c in after.values())
    assert after["magazine"].active == magazines
    assert after["bench192"].objects == after["bench192"].pages * PAGE // 192
    assert after["kmem_cache"].active == len(after) - 3
    # One line of each in detail says the same.
    detail = "\n".join(m.run("slabinfo bench192"))
    assert "names     1: bench192" in detail and "hwcache_align no_merge" in detail
    kept = sum(int(n) for n in re.findall(r"hart +\d +keeps (\d+) objects", detail))
    assert re.search(rf"node 0 .* objects out {kept}, depot 0", detail)
    assert any("there is no cache nix" in line for line in m.run("slabinfo nix"))
    assert m.run("slabinfo -v")[0] == f"{len(after)} caches, 0 of them broken"
    checks.no_errors_logged(m)
    assert m.poweroff() == 0


def test_memory_of_slabs(machine):
    """meminfo and slabtop add up what slabinfo lists; nodes, what their harts took."""
    m = machine(smp=4, mem="1G", numa=2)
    m.run(USE)
    top = m.run("slabtop 500")
    found = caches(m)
    mem = info.meminfo(m.run("meminfo"))
    nbytes = sum(c.total // c.objects * c.pages * PAGE for c in found.values())
    assert mem["Slab"] == mem["SReclaimable"] + mem["SUnreclaim"] == nbytes
    lines = [re.fullmatch(r" +\d+ +\d+ +\d+% +\d+ +\d+ +\d+ +(\d+)  (\S+)", line) for line in top]
    sizes = [int(line[1]) for line in lines if line]
    assert len(sizes) == len(found) and sizes == sorted(sizes, reverse=True)
    assert top[0].startswith(f"{len(found)} caches, {sum(sizes)} KiB in slabs")
    assert mem["Slab"] >= 80 * KIB
    detail = "\n".join(m.run("slabinfo kmem_cache"))
    assert re.search(r"node 0 +slabs", detail) and re.search(r"node 1 +slabs", detail)
    assert len([line for line in m.run("slabtop 3") if line]) == 5
    assert any("usage" in line for line in m.run("slabtop many"))
    assert m.poweroff() == 0


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_cleared_objects(machine, board):
    """init_on_alloc=1, init_on_free=1: small objects are cleared, and all else works."""
    for given in ("init_on_alloc", "init_on_free"):
        m = machine(board=board, smp=2, mem="64M", append=given + "=1")
        assert f"page_debug: on: {given}\n" in m.transcript
        suites = checks.suites_pass(m, "slab_init", "slab", "slab_harts", "slab_watch", "kmalloc")
        skipped = {c.name for c in suites["slab_init"].cases if c.skip}
        assert skipped == ({"freed"} if given == "init_on_alloc" else set())
        assert m.poweroff() == 0


# ---- tools/slabtrace.py ----

TOOL = TOP / "tools/slabtrace.py"
SMALL = """hartwood> trace --raw
trace-begin 1 10000000 2
thread 1 16 main
site ffffffff80001234 open_file+0x14/0x80
e 0 1000 kmalloc 64 ff40000000000040 ffffffff80001234
e 1 1010 kmem_cache_alloc 192 ff40000000001000 ffffffff80005678
e 0 1020 kfree 64 ff40000000000040 ffffffff80001300
e 0 1025 sched_switch 1 2 1
e 0 1030 kmem_cache_free 32 ff40000000002000 ffffffff80001300
e 0 1100 kmalloc 64 ff40000000000040 ffffffff80001234
trace-end 6
"""


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("slabtrace", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def use_of(tool, text):
    return tool.Use(tool.trace_tool().parse(text), tool.names(text))


def test_small_trace(tool):
    use = use_of(tool, SMALL)
    assert (use.allocs, use.frees, use.unknown) == (3, 2, 1)
    (first, cache), (second, kmalloc) = use.top(5)
    assert (first, second) == (0xffffffff80005678, 0xffffffff80001234)
    assert cache == tool.Site("0xffffffff80005678", 1, 192, 1, 192)
    assert kmalloc == tool.Site("open_file+0x14/0x80", 2, 128, 1, 64)
    # Bytes of both sites, of others, and the sum, after each microsecond.
    rows = tool.columns(use, [first, second], 0, 10, 10)
    assert rows[0] == [192, 64, 0, 256]
    assert rows[1] == [192, 0, 0, 192]
    assert rows[2] == [192, 0, 0, 160]
    assert rows[9] == [192, 64, 0, 224]
    svg = xml.fromstring(tool.draw(use))
    shapes = [e for e in svg.iter() if e.get("class") == "site"]
    assert [e[0].text for e in shapes] == ["0xffffffff80005678", "open_file+0x14/0x80",
                                           "other call sites"]


@pytest.mark.parametrize("text, why", [
    ("nothing here", "there is no trace in it"),
    (SMALL.replace("trace-end 6", "trace-end 7"), "7 events were printed"),
    ("trace-begin 1 10000000 1\ntrace-end 0\n", "no allocation is in the trace"),
])
def test_bad_traces(tmp_path, text, why):
    console = tmp_path / "console"
    console.write_text(text)
    done = subprocess.run([TOOL, console], capture_output=True, text=True)
    assert done.returncode == 1 and why in done.stderr


def test_trace_of_a_kernel(machine, tool, tmp_path):
    m = machine(smp=2, mem="256M")
    m.run("trace on kmalloc kfree")
    m.run("slabtop 5")
    m.run("trace off")
    m.run("slabtop 7")      # isn't seen
    m.run("trace --raw")
    console = tmp_path / "console"
    console.write_text(m.transcript)
    svg = tmp_path / "slab.svg"
    done = subprocess.run([TOOL, console, "-o", svg], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    line = re.search(r"^ +(\d+) +(\d+) +0 +0  run_slabtop\+0x", done.stdout, re.MULTILINE)
    assert line and int(line[1]) == 1 and int(line[2]) >= 5 * 100
    assert "run_slabtop" in svg.read_text()
    assert m.poweroff() == 0


# ---- failures on purpose ----

def test_failslab(machine, debug_kernel):
    """A function whose allocations fail says so; others don't notice."""
    m = machine(kernel=debug_kernel("qemu-virt"), smp=1, mem="128M")
    assert m.run("fault failslab probability=100 caller=run_slabtop") == []
    assert any("exit -12" in line for line in m.run("slabtop"))
    assert "caller run_slabtop" in "\n".join(m.run("fault failslab"))
    for bad in "cache=", "caller=no_such_function", "min-size=many":
        assert any(bad in line for line in m.run(f"fault failslab {bad}"))
    m.run("fault failslab off")
    assert len(m.run("slabtop")) > 3
    assert m.run("fault failslab probability=20 cache=kmalloc* min-size=32") == []
    said = m.run("stress threads 4 5", timeout=SUITES_PATIENCE)
    assert "stress threads: passed" in said, "\n".join(said)
    m.run("fault failslab off")
    assert not ktap.parse(m.run("test slab_watch"))["slab_watch"].failures()
    assert m.run("slabinfo -v")[0].endswith(" 0 of them broken")
    assert m.poweroff() == 0
