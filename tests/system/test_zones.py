# SPDX-License-Identifier: BSD-2-Clause
"""Zones from what devices reach, and movable memory: what the kernel builds, and what it serves.

The suite "zones" empties the reach of each device to the last page; here are the boards for it.
"""

import pytest

import checks
import info
import ktap
import trees
from info import GIB, MIB, PAGE

RAM = 0x80000000

# tests/dts/qemu/ceilings.dtsi
CUTS = [RAM, 0x90000000, 0x90003000, 0xc0000000, 4 * GIB, 0x100001000, 0x100040000, 0x13fffd000,
        RAM + 6 * GIB]
REACH = {"narrow-bus": (RAM, 0x90000000), "high-bus": (0x90003000, 0xc0000000),
         "dma@1f002000": (RAM, 4 * GIB), "pieces-bus": (0x100001000, 0x100040000),
         "wide-bus": (RAM, 0x13fffd000)}


def suite_passes(m, *skipped):
    suite = ktap.parse(m.run("test zones"))["zones"]
    assert not suite.failures(), "\n".join(suite.failures())
    assert [c.name for c in suite.cases if c.skip is not None] == list(skipped)


def reaches(zones):
    """{a part of the device's path: [names of zones]} of the devices of ceilings.dtsi"""
    return {name: d.reaches for d in zones.devices for name in REACH if name in d.path}


def names_between(zones, start, end):
    return [z.name for z in zones.zones if start <= z.start and z.end <= end]


@pytest.mark.parametrize("smp", [1, 4])
def test_ceilings(machine, smp):
    """28, 30, 32 and 40 bits together, with odd ends, make eight zones."""
    dtb = trees.from_file("ceilings", smp=str(smp), mem="6G")
    m = machine(smp=smp, mem="6G", dtb=str(dtb))
    checks.no_errors_logged(m)
    suite_passes(m, "movable")
    _, zones, _ = checks.memory_adds_up(m, 6 * GIB)
    spans = checks.zone_spans(m)
    assert spans == list(zip(CUTS, CUTS[1:]))
    by_span = dict(zip(spans, (z.name for z in zones.zones)))
    for name, names in reaches(zones).items():
        start, end = REACH[name]
        assert names == [by_span[s] for s in spans if start <= s[0] and s[1] <= end], name
    checks.suites_pass(m, "page_alloc", "discover", "memremap")
    assert m.poweroff() == 0


def test_nine_zones(machine):
    """MOVABLE counts towards eight: a boundary goes, to the tighter side, and the log says so."""
    dtb = trees.from_file("ceilings", smp="2", mem="6G")
    m = machine(smp=2, mem="6G", dtb=str(dtb), append="movablecore=1G")
    assert any("more than 8 zones" in line for line in m.run("dmesg"))
    suite_passes(m)
    _, zones, _ = checks.memory_adds_up(m, 6 * GIB)
    assert len(zones.zones) == 8
    movable = zones.zones[-1]
    assert (movable.name, movable.start, movable.end) == ("MOVABLE", RAM + 5 * GIB, RAM + 6 * GIB)
    assert zones.fallback[0][0] == "0:MOVABLE"
    for names in reaches(zones).values():
        assert names and "MOVABLE" not in names
    assert m.poweroff() == 0


def bus(i):
    """A bus that shows 32-bit devices the first so many pages of memory."""
    return (f"bus-{i} {{ #address-cells = <2>; #size-cells = <2>; ranges; "
            f"dma-ranges = <0x0 0x0 0x0 {RAM:#x} 0x0 {(i + 1) * 0x1235000:#x}>; "
            f'dma@{i:x} {{ compatible = "hartwood,dma-32"; }}; }};')


def test_far_beyond_eight(machine):
    change = "/ { soc { " + " ".join(bus(i) for i in range(12)) + " }; };"
    dtb = trees.changed("twelve-ceilings", change, smp="2", mem="512M")
    m = machine(smp=2, mem="512M", dtb=str(dtb))
    dropped = [line for line in m.run("dmesg") if "more than 8 zones" in line]
    assert len(dropped) == 5
    suite_passes(m, "movable")
    _, zones, _ = checks.memory_adds_up(m, 512 * MIB)
    assert len(zones.zones) == 8
    ends = {z.name: z.end for z in zones.zones}
    for d in (d for d in zones.devices if "bus-" in d.path):
        i = int(d.path.split("bus-")[1].split("/")[0])
        assert d.reaches and max(ends[n] for n in d.reaches) <= RAM + (i + 1) * 0x1235000
    assert m.poweroff() == 0


@pytest.mark.parametrize("argument,part", [("movablecore=40%", 40), ("kernelcore=60%", 40),
                                           ("movablecore=30% kernelcore=60%", 30),
                                           ("movablecore=50% kernelcore=60%", 40)])
@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_movable(machine, board, argument, part):
    m = machine(board=board, smp=2, mem="256M", append=argument)
    checks.no_errors_logged(m)
    suite_passes(m)
    checks.suites_pass(m, "page_alloc")
    _, zones, _ = checks.memory_adds_up(m, 256 * MIB)
    want = 256 * MIB // 100 * part // PAGE
    movable = zones.zones[-1]
    assert movable.name == "MOVABLE"
    assert want - 1024 < movable.present <= want and movable.start % (4 * MIB) == 0
    assert m.poweroff() == 0


def test_movable_on_nodes(machine):
    """Each node gives the same part of its memory."""
    m = machine(smp=4, mem="1G", numa=2, append="movablecore=256M")
    checks.no_errors_logged(m)
    suite_passes(m)
    _, zones, _ = checks.memory_adds_up(m, GIB)
    assert [(z.nid, z.present * PAGE) for z in zones.zones if z.name == "MOVABLE"] == \
        [(0, 128 * MIB), (1, 128 * MIB)]
    assert zones.fallback[1][:2] == ["1:MOVABLE", "1:DMA32"]
    assert m.poweroff() == 0


@pytest.mark.parametrize("argument,text", [
    ("movablecore=100%", 'movablecore="100%" is not usable'),
    ("movablecore=x", 'movablecore="x" is not usable'),
    ("kernelcore=-1", 'kernelcore="-1" is not usable'),
    ("movablecore=60M", "movablecore=, kernelcore=: 60 of 64 MiB movable leave the kernel less")])
def test_bad_values(machine, argument, text):
    m = machine(smp=1, mem="64M", append=argument)
    assert any(text in line for line in m.run("dmesg"))
    assert [z.name for z in info.zoneinfo(m.run("zoneinfo")).zones] == ["DMA32"]
    assert m.poweroff() == 0
