# SPDX-License-Identifier: BSD-2-Clause
"""Memory, harts and nodes as boards have them and QEMU's own tree hasn't.

Each tree is QEMU's with a change from tests/dts/qemu.  What the kernel must make of it
is worked out here from the numbers in that file.
"""

import json
import re
import subprocess

import pytest

import checks
import info
import trees
from info import GIB, MIB, PAGE
from machine import TOP

RAM = 0x80000000


def mib(*spans):
    """[(start, end)] of banks given as (MiB after RAM's start, MiB)."""
    return [(RAM + start * MIB, RAM + (start + size) * MIB) for start, size in spans]


BANKS = {
    "holes": dict(mem="512M", banks=mib((0, 128), (256, 64), (384, 128))),
    "order": dict(mem="512M", banks=mib((0, 32), (64, 128), (320, 16), (448, 32))),
    "far": dict(mem="16G", banks=[(RAM, RAM + 128 * MIB), (17 * GIB, 18 * GIB)]),
    "ragged": dict(mem="128M", banks=[(RAM, RAM + 64 * MIB),
                                      (RAM + 80 * MIB + PAGE, RAM + 96 * MIB)]),
}


@pytest.mark.parametrize("paging", ["sv39", "sv57"])
@pytest.mark.parametrize("name", BANKS)
def test_banks(machine, name, paging):
    mem, banks = BANKS[name]["mem"], BANKS[name]["banks"]
    dtb = trees.from_file(name, smp="2", mem=mem)
    m = machine(smp=2, mem=mem, dtb=str(dtb), append=f"paging={paging}")
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    _, zones, found = checks.memory_adds_up(m, sum(end - start for start, end in banks))
    assert found == banks
    assert checks.zone_spans(m)[0][0] == banks[0][0]
    for z in zones.zones:
        inside = sum(min(end, z.end) - max(start, z.start) for start, end in banks
                     if max(start, z.start) < min(end, z.end))
        assert z.present * PAGE == inside
    checks.write_xor_execute(m)
    hole_not_mapped(m, banks)
    assert m.poweroff() == 0


def hole_not_mapped(m, banks):
    """The linear map holds the banks and nothing between them."""
    linear = [x for x in info.ptdump(m.run("ptdump")) if x.region == "linear map"]
    for x in linear:
        assert any(start <= x.pa and x.pa_end <= end for start, end in banks), x


def test_many_small_banks(machine):
    """120 banks of 1 MiB with as much between them: more than memblock's first table has."""
    spans = [(0, 64)] + [(65 + 2 * i, 1) for i in range(120)]
    reg = ", ".join(f"<0x0 {start:#x} 0x0 {end - start:#x}>" for start, end in mib(*spans))
    change = ('/ { /delete-node/ memory@80000000; memory@80000000 { device_type = "memory"; '
              f"reg = {reg}; }}; }};")
    dtb = trees.changed("many-banks", change, smp="1", mem="512M")
    m = machine(smp=1, mem="512M", dtb=str(dtb))
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    _, _, banks = checks.memory_adds_up(m, 184 * MIB)
    assert banks == mib(*spans)
    assert m.poweroff() == 0


def test_many_reservations(machine):
    """100 pages here and there are kept from the allocator, and nothing else is."""
    pages = [RAM + 64 * MIB + i * 0x11000 for i in range(100)]
    entries = [f"/memreserve/ {pa:#x} 0x1000;" for pa in pages]
    dtb = trees.changed("many-reservations", "", entries, smp="1", mem="128M")
    m = machine(smp=1, mem="128M", dtb=str(dtb))
    plain = machine(smp=1, mem="128M")
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    checks.memory_adds_up(m, 128 * MIB)
    reserved = [r.start for r in info.iomem(m.run("iomem")) if r.what == "Firmware"]
    assert [pa for pa in reserved if pa >= pages[0]] == pages
    more = [info.meminfo(x.run("meminfo"))["Reserved"] for x in (m, plain)]
    assert 100 * PAGE <= more[0] - more[1] <= 100 * PAGE + 16 * PAGE


def test_no_large_piece(machine):
    """Two reserved pages around every other 2 MiB boundary: no large leaf for descriptors."""
    pages = [RAM + (2 + 4 * i) * MIB - PAGE for i in range(64)]
    entries = [f"/memreserve/ {pa:#x} {2 * PAGE:#x};" for pa in pages]
    dtb = trees.changed("no-large-piece", "", entries, smp="1", mem="256M")
    m = machine(smp=1, mem="256M", dtb=str(dtb))
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    checks.memory_adds_up(m, 256 * MIB)
    vmemmap = [x for x in info.ptdump(m.run("ptdump")) if x.region == "vmemmap"]
    assert sum(x.pa_end - x.pa for x in vmemmap) == 256 * MIB // PAGE * 32
    assert m.poweroff() == 0


def test_reservations(machine):
    dtb = trees.from_file("reserved", smp="2", mem="256M")
    m = machine(smp=2, mem="256M", dtb=str(dtb))
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    mem, _, _ = checks.memory_adds_up(m, 256 * MIB)
    assert mem["NoMap"] >= 4 * PAGE     # newer firmware adds its own
    found = info.iomem(m.run("iomem"))

    def has(start, size, what):
        return any((r.start, r.end, r.what) == (start, start + size, what) for r in found)
    assert has(0x84000000, 8 * MIB, "Reserved by the device tree")
    assert has(0x88000000, 0x123000, "Firmware")
    assert has(0x8a000000, 16 * MIB, "Reserved by the device tree, reusable")
    for start, size in ((0x851ff000, 0x3000), (0x86000000, 0x1000)):
        assert has(start, size, "No-map memory")
    placed = [r for r in found if r.what.startswith("Reserved") and r.end - r.start == 4 * MIB]
    assert any(r.start >= 0x8c000000 and r.end <= 0x90000000 and r.start % (2 * MIB) == 0
               for r in placed), "the area of free choice is not where it may be"
    linear = [x for x in info.ptdump(m.run("ptdump")) if x.region == "linear map"]
    for start, size in ((0x851ff000, 0x3000), (0x86000000, 0x1000)):
        assert not any(x.pa < start + size and start < x.pa_end for x in linear)
    assert m.poweroff() == 0


def test_no_giant_leaf_over_reserved_memory(machine):
    """What is reserved may be protected by PMP: no leaf of 1 GiB lies over it, though it's mapped."""
    area = RAM + 2 * GIB + 16 * MIB
    dtb = trees.changed("reserved-far", "", [f"/memreserve/ {area:#x} 0x1000;"], smp="1", mem="4G")
    m = machine(smp=1, mem="4G", dtb=str(dtb))
    linear = [x for x in info.ptdump(m.run("ptdump")) if x.region == "linear map"]
    assert [x.leaf for x in linear if x.pa <= area < x.pa_end] == ["2M"]
    giant = [x for x in linear if x.leaf == "1G"]
    assert sum(x.pa_end - x.pa for x in giant) == 2 * GIB
    assert m.poweroff() == 0


def test_firmware_s_tree_is_kept(machine):
    """Until it is copied nothing may lie on the tree that the firmware left; it stays reserved."""
    m = machine(smp=1, mem="128M")
    tree, = (r for r in info.iomem(m.run("iomem")) if r.what == "Device tree")
    linear = next(x for x in info.ptdump(m.run("ptdump"))
                  if x.region == "linear map" and x.pa <= tree.start < x.pa_end)
    words = m.run(f"peek {linear.va + tree.start - linear.pa:#x} 8 b")[0].split()[1:]
    header = bytes(int(w, 16) for w in words)
    assert header[:4] == b"\xd0\x0d\xfe\xed"
    assert int.from_bytes(header[4:], "big") == tree.end - tree.start
    assert m.poweroff() == 0


def test_initrd(machine, tmp_path):
    """An initial ramdisk is kept, whole and unchanged."""
    image = tmp_path / "initrd"
    image.write_bytes(b"HARTWOOD" * 20000)
    m = machine(smp=1, mem="128M", extra=["-initrd", str(image)])
    disk = next(r for r in info.iomem(m.run("iomem")) if r.what == "Initial ramdisk")
    assert 160000 <= disk.end - disk.start < 160000 + 2 * PAGE
    linear = next(x for x in info.ptdump(m.run("ptdump"))
                  if x.region == "linear map" and x.pa <= disk.start and disk.end <= x.pa_end)
    words = m.run(f"peek {linear.va + disk.start - linear.pa:#x} 8 b")[0].split()[1:]
    assert bytes(int(w, 16) for w in words) == b"HARTWOOD"
    assert m.poweroff() == 0


# ---- devices that don't reach everything ----

def test_windows_make_zones(machine):
    dtb = trees.from_file("windows", smp="1", mem="4G")
    m = machine(smp=1, mem="4G", dtb=str(dtb))
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    _, zones, _ = checks.memory_adds_up(m, 4 * GIB)
    cuts = [(RAM, RAM + 256 * MIB), (RAM + 256 * MIB, 4 * GIB), (4 * GIB, 6 * GIB)]
    assert checks.zone_spans(m) == cuts
    names = [z.name for z in zones.zones]
    assert len(set(names)) == 3
    devices = {d.path: d for d in zones.devices if "mmc@" in d.path}
    assert set(devices) == {"/soc/mmc@1f000000", "/soc/narrow-bus/mmc@1f001000"}
    wide, narrow = devices["/soc/mmc@1f000000"], devices["/soc/narrow-bus/mmc@1f001000"]
    assert wide.bits == narrow.bits == 32
    assert wide.coherent and not narrow.coherent
    assert sorted(wide.reaches) == sorted(names[:2]) and narrow.reaches == names[:1]
    assert zones.fallback[0] == [f"0:{name}" for name in reversed(names)]
    assert m.poweroff() == 0


def save_tree(m, path):
    """Write the tree that the firmware handed over to @path: it isn't the one that QEMU was given,
    newer firmware adds its own memory as no-map.  By QEMU's monitor."""
    tree, = (r for r in info.iomem(m.run("iomem")) if r.what == "Device tree")
    m.send("\x01c")
    m.expect(r"\n\(qemu\) ")
    m.send(f'pmemsave {tree.start:#x} {tree.end - tree.start:#x} "{path}"\r')
    m.expect(r"\n\(qemu\) ")
    m.send("\x01c")


@pytest.mark.parametrize("name,mem,harts", [
    ("holes", "512M", 2), ("order", "512M", 2), ("reserved", "256M", 2), ("windows", "4G", 1),
    ("interleaved", "512M", 2), ("far", "16G", 2)])
def test_mmplan_agrees(machine, tmp_path, name, mem, harts):
    """What tools/mmplan works out of a tree is what the kernel does with it."""
    dtb = trees.from_file(name, smp=str(harts), mem=mem)
    m = machine(smp=harts, mem=mem, dtb=str(dtb))
    save_tree(m, tmp_path / "tree")
    done = subprocess.run(["tools/mmplan", "--json", tmp_path / "tree"], cwd=TOP,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    zones = info.zoneinfo(m.run("zoneinfo"))
    by_name = {}
    for z in zones.zones:
        start, end = by_name.get(z.name, (z.start, z.end))
        by_name[z.name] = min(start, z.start), max(end, z.end)
    assert by_name == {z["name"]: (z["start"], z["end"]) for z in plan["zones"]}
    devices = {d.path: (d.bits, d.coherent, d.reaches) for d in zones.devices}
    assert devices == {d["path"]: (d["bits"], d["coherent"], d["zones"])
                       for d in plan["dma_devices"]}
    joined = []
    for bank in plan["banks"]:
        if joined and joined[-1][1] == bank["start"]:
            joined[-1] = (joined[-1][0], bank["end"])
        else:
            joined.append((bank["start"], bank["end"]))
    assert info.banks(info.iomem(m.run("iomem"))) == joined
    harts_found = {h.hartid: h.nid for h in info.harts(m.run("harts"))}
    assert harts_found == {h["hartid"]: h["node"] for h in plan["harts"]}
    assert m.poweroff() == 0


# ---- nodes ----

def test_numa_of_qemu(machine):
    m = machine(smp=4, mem="2G", numa=2)
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    _, zones, _ = checks.memory_adds_up(m, 2 * GIB)
    assert [z.nid for z in zones.zones] == [0, 1]
    assert checks.zone_spans(m) == [(RAM, RAM + GIB), (RAM + GIB, RAM + 2 * GIB)]
    harts = checks.harts_online(m, range(4))
    assert {h.hartid: h.nid for h in harts} == {0: 0, 1: 0, 2: 1, 3: 1}
    name = zones.zones[0].name
    assert zones.fallback == {0: [f"0:{name}", f"1:{name}"], 1: [f"1:{name}", f"0:{name}"]}
    assert m.poweroff() == 0


def test_numa_interleaved(machine):
    """Banks of two nodes alternate; ids are 3 and 7.  Zones of the nodes span each other."""
    dtb = trees.from_file("interleaved", smp="2", mem="512M")
    m = machine(smp=2, mem="512M", dtb=str(dtb))
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    mem, zones, _ = checks.memory_adds_up(m, 512 * MIB)
    assert [(z.nid, z.present * PAGE) for z in zones.zones] == [
        (0, 256 * MIB - mem["NoMap"]), (1, 256 * MIB)]
    assert checks.zone_spans(m) == mib((0, 384), (128, 384))
    harts = checks.harts_online(m, range(2))
    assert {h.hartid: h.nid for h in harts} == {0: 0, 1: 1}
    assert m.poweroff() == 0


# ---- harts ----

def test_sparse_harts(machine):
    """Harts 1 and 2 can't be used.  The firmware doesn't care and may start the kernel on one of
    them, which the kernel has to say; so it's tried until it starts on another."""
    dtb = trees.from_file("sparse-harts", smp="4", mem="128M")
    for _ in range(30):
        m = machine(smp=4, mem="128M", dtb=str(dtb), boot=False, may_panic=True,
                    append="panic=poweroff")
        if m.expect("\nhartwood> |end of panic").group().endswith("> "):
            break
        m.wait_exit()
        assert re.search("Kernel panic on hart [12]: the firmware started hart [12], which the "
                         "device tree doesn't have as usable", m.transcript)
    m.may_panic = False
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    checks.harts_online(m, [0, 3])
    assert m.poweroff() == 0
