# SPDX-License-Identifier: BSD-2-Clause
"""The tools that look at a kernel from outside: memmap, symbolize, gdb's commands, bench."""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as xml

import pytest

import info
from info import KIB, MIB
from machine import TOP

ELF = TOP / "build/qemu-virt/hartwood"


def run(*command, text=None, env=None):
    return subprocess.run([str(c) for c in command], input=text, capture_output=True, text=True,
                          cwd=TOP, env=env)


# ---- memmap ----

@pytest.fixture(scope="module")
def console(module_machine):
    """A console with two lists of pages and a crash, and what meminfo said between them."""
    m = module_machine(smp=4, mem="1G", numa=2, append="panic=poweroff", may_panic=True)
    m.run("memmap --raw")
    mem = info.meminfo(m.run("meminfo"))
    m.run("memmap --raw")
    m.send("crash null\r")
    m.panic()
    m.wait_exit()
    return m.transcript, mem


def drawn_pages(svg):
    """{state: pages}, added up from what hovering shows."""
    pages = {}
    for title in svg.iter("{http://www.w3.org/2000/svg}title"):
        for number, state in re.findall(r"(\d+) (\w+)", title.text.split(": ")[1]):
            pages[state] = pages.get(state, 0) + int(number)
    return pages


def test_memmap_draws_every_page(console, tmp_path):
    transcript, mem = console
    done = run("tools/memmap", "-o", tmp_path / "map.svg", text=transcript)
    assert done.returncode == 0, done.stderr
    svg = xml.parse(tmp_path / "map.svg").getroot()
    pages = drawn_pages(svg)
    assert sum(pages.values()) * 4 * KIB == mem["MemBanks"] - mem["NoMap"]
    assert (pages["free"] + pages.get("listed", 0)) * 4 * KIB == mem["MemFree"]
    texts = [x.text for x in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert sum(text.startswith("Node ") for text in texts) == 2
    width, height = int(svg.get("width")), int(svg.get("height"))
    for rect in svg.iter("{http://www.w3.org/2000/svg}rect"):
        assert int(rect.get("x", 0)) + int(rect.get("width")) <= width
        assert int(rect.get("y", 0)) + int(rect.get("height")) <= height


GOOD = "memmap-raw 1\nzone NORMAL 0 1000 2000\nrun 1000 8 free 3\nrun 1100 1 used 0\nend\n"


@pytest.mark.parametrize("change,message", [
    ((GOOD, ""), "no 'memmap-raw 1'"),
    (("end\n", ""), "no 'memmap-raw 1'"),
    (("raw 1", "raw 2"), "line 1: format '2', this reads 1"),
    (("zone NORMAL 0 1000 2000\n", ""), "line 2: a run before the first zone"),
    (("1000 2000", "2000 1000"), "line 2: zone NORMAL ends before it starts"),
    (("1100 1", "1004 1"), "line 4: frames 1004 to 1005 are out of order or outside"),
    (("1100 1", "1100 901"), "line 4: frames 1100 to 2001 are out of order or outside"),
    (("1000 8", "1000 0"), "line 3: frames 1000 to 1000 are out of order"),
    (("used", "lent"), "line 4: unknown state 'lent'"),
    (("used 0", "used x"), "line 4: no order in"),
    (("run 1100", "walk 1100"), "line 4: neither zone nor run"),
    (("zone NORMAL 0 1000 2000\nrun 1000 8 free 3\nrun 1100 1 used 0\n", ""), "without a zone"),
])
def test_memmap_refuses(change, message, tmp_path):
    out = tmp_path / "map.svg"
    assert run("tools/memmap", "-o", out, text=GOOD).returncode == 0
    assert drawn_pages(xml.parse(out).getroot()) == {"free": 8, "used": 1}
    done = run("tools/memmap", "-o", tmp_path / "none.svg", text=GOOD.replace(*change))
    assert done.returncode == 1 and message in done.stderr
    assert not (tmp_path / "none.svg").exists()


# ---- symbolize ----

def test_symbolize_names_lines(console):
    done = run("tools/symbolize", text=console[0])
    assert done.returncode == 0, done.stderr
    assert re.search(r" #0 \w+ crash_null\S+  kernel/shell/cmd_crash\.c:\d+\n", done.stdout)
    assert re.search(r" #\d shell_main|shell_main\S+  kernel/shell/shell\.c:\d+\n", done.stdout)
    place = re.search(r"epc .*  kernel/shell/cmd_crash\.c:(\d+)\n", done.stdout)
    source = (TOP / "kernel/shell/cmd_crash.c").read_text().split("\n")
    assert "NULL" in source[int(place[1]) - 1]
    plain = [re.sub(r"  [\w/]+\.[chS]:\d+$", "", line) for line in done.stdout.split("\n")]
    assert plain == console[0].split("\n")


def test_symbolize_knows_a_foreign_log(console):
    shifted = re.sub(r"( #\d+ ffffffff\w)(\w)", lambda m: m[1] + "%x" % (int(m[2], 16) ^ 1), console[0])
    other = re.sub(r" crash_null\+", " run_memmap+", console[0])
    done = run("tools/symbolize", text=other)
    assert done.returncode == 1 and "is of another build" in done.stderr
    done = run("tools/symbolize", text=shifted)     # addresses that are nowhere stay bare
    assert done.returncode == 0 and "shell.c:" not in done.stdout
    done = run("tools/symbolize", "--elf", "/nowhere/hartwood", text="")
    assert done.returncode == 1 and "there is no /nowhere/hartwood" in done.stderr


# ---- gdb ----

@contextlib.contextmanager
def gdb_for(start, **options):
    """(machine, ask): a machine that start() makes, and ask(commands...): what they print."""
    if not shutil.which("gdb-multiarch"):
        pytest.fail("gdb-multiarch is not installed: tools/setup gdb")
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/gdb"
        m = start(**options, extra=[
            "-chardev", f"socket,path={socket},server=on,wait=off,id=gdb0",
            "-gdb", "chardev:gdb0"])

        def ask(*commands):
            options = [x for command in commands for x in ("-ex", command)]
            for _ in range(20):
                done = run("gdb-multiarch", "-q", "-nx", "-batch", "-x", "tools/gdb/hartwood.py",
                           "-ex", f"target remote {socket}", *options, ELF)
                if "no hart has paging on just now" not in done.stderr:
                    break
            return done.stdout.split("\n"), done.stderr
        yield m, ask


@pytest.fixture(scope="module")
def gdb(module_machine):
    """gdb(commands...): what they print, on a kernel of two nodes at its prompt."""
    with gdb_for(module_machine, smp=4, mem="1G", numa=2) as both:
        yield both


def test_gdb_agrees_with_the_shell(gdb):
    m, ask = gdb
    zones = info.zoneinfo(m.run("zoneinfo")).zones
    buddy = info.buddyinfo(m.run("buddyinfo"))
    log = [line for line in m.run("dmesg") if line]
    harts = info.harts(m.run("harts"))
    lines, _ = ask("hw-zones", "hw-buddy", "hw-harts", "hw-log", "hw-memblock")
    for z in zones:
        assert any(f"node {z.nid} zone {z.name} " in x and f"[{z.start:#x}, {z.end:#x}) "
                   f"free {z.free}, managed {z.managed}, present {z.present}, lock free" in x
                   for x in lines), z
    for nid, name, blocks in buddy:
        assert any(x.split() == ["node", str(nid), "zone", name, *map(str, blocks)] for x in lines)
    for h in harts:
        assert any(x.split()[:4] == [str(h.cpu), str(h.hartid), str(h.nid), "online"] for x in lines)
    assert [x for x in lines if x in log] == log
    assert any(re.match(r"  \[0x80200000, 0x\w+\) RSRV_KERNEL$", x) for x in lines)


def test_gdb_shows_pages(gdb):
    m, ask = gdb
    zone = info.zoneinfo(m.run("zoneinfo")).zones[0]
    lines, _ = ask("hw-buddy 10")
    free = int(lines[[x.startswith("node 0") for x in lines].index(True)].split()[4], 16)
    lines, _ = ask(f"hw-page {free}", f"hw-page {free + 5}", f"hw-page {free * 4096:#x}",
                   "hw-page 0x80200000",
                   f"hw-page 'va_layout.linear_base + ({free * 4096:#x} - va_layout.phys_base)'")
    assert f"block {free} of order 10: free" in lines
    assert f"block {free} of order 10: free, page 5 of it" in lines
    assert lines.count(f"frame {free} at {free * 4096:#x}, node 0, zone {zone.name}") == 3
    assert any("block 524800 of order " in x and x.endswith(": reserved") for x in lines)


@pytest.mark.parametrize("command,message", [
    ("hw-page", "usage: hw-page PFN | ADDRESS"),
    ("hw-page 1 2", "usage: hw-page"),
    ("hw-page 3", "frame 3 (0x3000) is no memory"),
    ("hw-page nonsense", 'No symbol "nonsense"'),
    ("hw-buddy 99", "an order is 0 to 10"),
    ("hw-buddy x", "an order is 0 to 10"),
    ("hw-harts 1", "usage: hw-harts"),
])
def test_gdb_refuses(gdb, command, message):
    assert message in gdb[1](command)[1]


def test_gdb_reads_through_another_hart(machine):
    """A hart that waits inside the firmware can't read the kernel; the choice stays with it."""
    with gdb_for(machine, smp=3, append="maxcpus=1") as (m, ask):
        harts = info.harts(m.run("harts"))
        assert [h.state for h in harts] == ["online", "offline", "offline"]
        choices = [f"thread {n}" for n in (1, 2, 3) if n != harts[0].hartid + 1]
        for choice in choices:
            lines, said = ask(choice, "hw-zones", "thread", "print &nr_zones", "print nr_zones")
            assert any(x.startswith("node 0 zone ") for x in lines), said
            assert any(x.startswith(f"[Current thread is {choice[-1]} ") for x in lines)
            assert "Cannot access memory" in said, "this hart was meant to have paging off"


# ---- bench ----

def bench(tmp_path, *arguments):
    out = tmp_path / "bench.json"
    done = run("/usr/bin/python3", "tools/bench.py", "--out", out, *arguments)
    return done, json.loads(out.read_text()) if out.exists() else None


def test_bench_counts_and_repeats(image, tmp_path):
    image("qemu-virt")
    keys = ("boot_32M", "boot_256M", "struct_page_bytes", "page4_pair", "page9_pair")
    done, first = bench(tmp_path, *keys)
    assert first, done.stderr
    assert set(first) == {*keys, "machine"}
    assert {"qemu", "opensbi", "compiler"} <= set(first["machine"])
    for key in keys:
        assert set(first[key]) == {"measured", "target", "linux"}
        assert first[key]["measured"] <= first[key]["target"], key
    assert first["struct_page_bytes"]["measured"] == 32
    assert bench(tmp_path, *keys)[1] == first, "two runs counted differently"


def test_bench_of_small_objects(image, tmp_path):
    """With hardening and in a kernel that is built without; from one hart to another."""
    image("qemu-virt")
    keys = ("kmalloc64_pair", "kmalloc64_pair_plain", "kmem_cache192_pair_plain",
            "kmalloc64_remote", "slab_remote_locks", "kmem_cache_kept")
    done, figures = bench(tmp_path, *keys)
    assert figures, done.stderr
    for key in keys:
        assert figures[key]["measured"] <= figures[key]["target"], key
    assert figures["kmalloc64_pair_plain"]["measured"] < figures["kmalloc64_pair"]["measured"]


def test_bench_of_rv32(image, tmp_path):
    """By its own name beside rv64's keys; with that board, all keys are."""
    image("qemu-virt")
    image("qemu-virt32")
    keys = ("page3_pair", "rv32_page3_pair", "rv32_kmap_local_pair", "rv32_vmalloc16k_pair")
    done, first = bench(tmp_path, *keys)
    assert first, done.stderr
    assert set(first) == {*keys, "machine"}
    for key in keys:
        assert first[key]["measured"] <= first[key]["target"], key
    assert first["rv32_page3_pair"]["linux"] is None and first["page3_pair"]["linux"]
    assert first["rv32_page3_pair"] != first["page3_pair"]
    _, other = bench(tmp_path, "--board", "qemu-virt32", "page3_pair", "vmalloc16k_pair")
    assert {k: v for k, v in first.items() if k in other and k != "machine"} \
        == {k: v for k, v in other.items() if k != "machine"}
    assert set(other) == {"rv32_page3_pair", "rv32_vmalloc16k_pair", "machine"}
    assert other["machine"].items() < first["machine"].items()


def test_bench_keeps_what_still_holds(image):
    import bench as tool
    rv64, rv32 = {"compiler": "1", "qemu": "1"}, {"rv32_compiler": "1", "rv32_qemu": "1"}
    recorded = {"machine": rv64 | rv32, "figures": {"boot_1G": 1, "rv32_boot_1G": 2}}
    assert tool.kept(rv64, recorded) == recorded["figures"]
    assert tool.kept(rv64 | {"qemu": "2"}, recorded) == {"rv32_boot_1G": 2}
    assert tool.kept({**rv32, "rv32_qemu": "2"}, recorded) == {"boot_1G": 1}
    assert tool.kept(rv64, {}) == {}
    assert tool.recorded_for("rv32_boot_1G", {**rv32, "rv32_qemu": "2"}, recorded) is None
    assert tool.recorded_for("rv32_boot_1G", rv64 | rv32, recorded) == 2


def test_boot_does_not_grow_with_memory(image, tmp_path):
    image("qemu-virt")
    _, figures = bench(tmp_path, "boot_256M", "boot_16G")
    small, large = (figures[k]["measured"] for k in ("boot_256M", "boot_16G"))
    per_page = (large - small) / ((16 * 1024 - 256) * MIB / 4096)
    assert per_page < 0.25, "instructions for one more page of RAM"


def test_bench_names_regressions(image, tmp_path, monkeypatch):
    import bench as tool
    machine = {"qemu": "1", "opensbi": "1", "compiler": "gcc 1"}
    recorded = {"machine": machine, "figures": {"boot_1G": 1000, "free_at_8M_kb": 6000,
                                                "page4_pair": 100}}
    same = {"boot_1G": 1020, "free_at_8M_kb": 5990, "page4_pair": 102}
    assert tool.table(same, machine, recorded) == []
    worse = {"boot_1G": 1021, "free_at_8M_kb": 5800, "page4_pair": 103}
    assert sorted(tool.table(worse, machine, recorded)) == sorted(worse)
    assert tool.table(worse, {**machine, "compiler": "gcc 2"}, recorded) == []
    other = tool.table(worse, {**machine, "opensbi": "2"}, recorded)
    assert sorted(other) == ["free_at_8M_kb", "page4_pair"]


def test_bench_refuses_an_unknown_key(image, tmp_path):
    image("qemu-virt")
    done, out = bench(tmp_path, "no_such_key")
    assert done.returncode == 1 and out is None and "no_such_key" in done.stderr


def test_bench_finds_atomics_in_hits(image, monkeypatch):
    import bench as tool
    image("qemu-virt")
    tool.hits("qemu-virt")
    monkeypatch.setattr(tool, "HITS", tool.HITS + ("pcp_refill",))
    with pytest.raises(tool.Failed, match="pcp_refill: amo"):
        tool.hits("qemu-virt")
