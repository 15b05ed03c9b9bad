# SPDX-License-Identifier: BSD-2-Clause
"""mmplan, which is the kernel's own discovery, on trees whose answer is known.

The sound trees are tests/dts/*.dts; those of tests/dts/bad/ carry the one sentence that
they must be refused with.  Both register widths give the same answers.
"""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
DTS = TOP / "tests" / "dts"
BAD = sorted((DTS / "bad").glob("*.dts"))
BITS = [64, 32]
MIB, GIB = 1 << 20, 1 << 30


@pytest.fixture(scope="session", autouse=True)
def built():
    done = subprocess.run(
        ["make", "-s", "-f", "tests/host/Makefile", "all"], cwd=TOP, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def mmplan(bits, dtb, *args):
    return subprocess.run(
        [TOP / f"build/host/{bits}/mmplan", dtb, *args],
        cwd=TOP, capture_output=True, text=True, timeout=60,
    )


def plan(bits, name, *args):
    done = mmplan(bits, f"build/host/dts/{name}.dtb", "--json", *args)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return json.loads(done.stdout)


def spans(items):
    return [(i["start"], i["end"]) for i in items]


def zones(answer):
    return [(z["name"], z["start"], z["end"]) for z in answer["zones"]]


def reaches(answer):
    return {d["path"]: d["zones"] for d in answer["dma_devices"]}


# --- trees that lie -------------------------------------------------------------------------


def test_there_are_enough_lies():
    assert len(BAD) >= 30


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("dts", BAD, ids=lambda p: p.stem)
def test_bad_tree(dts, bits):
    text = dts.read_text()
    expect = re.search(r"^// expect: (.+)$", text, re.M)[1]
    args = re.search(r"^// args: (.+)$", text, re.M)
    done = mmplan(bits, f"build/host/dts/bad/{dts.stem}.dtb", *(args[1].split() if args else []))
    assert (done.returncode, done.stderr, done.stdout) == (1, expect + "\n", "")


def test_the_base_of_the_bad_trees_is_sound(tmp_path):
    source, dtb = tmp_path / "base.dts", tmp_path / "base.dtb"
    source.write_text('/dts-v1/;\n/include/ "base.dtsi"\n')
    subprocess.run(["dtc", "-q", "-i", DTS / "bad", "-o", dtb, source], check=True)
    done = mmplan(64, dtb, "--kernel", "0x80200000,0x100000")
    assert (done.returncode, done.stderr) == (0, "")


def test_json_of_an_error():
    done = mmplan(64, "build/host/dts/bad/no_memory.dtb", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"version": 1, "error": "device tree: no memory node"}


# --- sound ones -----------------------------------------------------------------------------


@pytest.mark.parametrize("bits", BITS)
def test_holes(bits):
    answer = plan(bits, "holes")
    assert spans(answer["banks"]) == [
        (0x80000000, 0x87F00000), (0x87F00000, 0x88000000),
        (0x90000000, 0x94000000), (0xA0000000, 0xB0000000),
    ]
    assert [b["no_map"] for b in answer["banks"]] == [False, True, False, False]
    assert spans(answer["holes"]) == [(0x88000000, 0x90000000), (0x94000000, 0xA0000000)]
    assert [(r["start"], r["end"], r["kind"], r["no_map"]) for r in answer["reservations"]] == [
        (0x80100000, 0x80101000, "memreserve", False),
        (0x87F00000, 0x88000000, "reserved-memory", True),
        (0x90001000, 0x90003000, "reserved-memory", False),
        (0xA7000000, 0xA8000000, "reusable", False),
    ]
    assert zones(answer) == [("DMA32", 0x80000000, 0xB0000000)]
    assert answer["memory_bytes"] == 448 * MIB
    assert answer["memory_map"]["bytes"] == 447 * MIB // 128


@pytest.mark.parametrize("bits", BITS)
def test_unordered(bits):
    answer = plan(bits, "unordered")
    assert spans(answer["banks"]) == [(0x80000000, 0x8C000000), (0x98000000, 0xA0000000)]
    assert answer["notes"] == ["memory: /memory@b0000000: an empty bank at 0xb0000000, ignored"]


@pytest.mark.parametrize("bits", BITS)
def test_repeated_banks(bits):
    answer = plan(bits, "repeated")
    assert spans(answer["banks"]) == [(0x80000000, 0xC0000000), (0x1040000000, 0x1080000000)]
    assert answer["notes"] == [
        "memory: /memory@1040000000: the bank at 0x1040000000 stands twice, taken once"
    ]


@pytest.mark.parametrize("bits", BITS)
def test_memory_at_zero(bits):
    answer = plan(bits, "at_zero", "--dma-zone", "24,28")
    assert spans(answer["banks"]) == [(0, 0x20000000)]
    assert zones(answer) == [
        ("DMA24", 0, 1 << 24), ("DMA28", 1 << 24, 1 << 28), ("DMA32", 1 << 28, 0x20000000),
    ]
    assert answer["gfp_dma"] == ["DMA24"]
    assert answer["gfp_dma32"] == ["DMA24", "DMA28", "DMA32"]
    assert answer["timebase_hz"] == 3000000


@pytest.mark.parametrize("bits", BITS)
def test_memory_at_1g(bits):
    answer = plan(bits, "at_1g")
    assert zones(answer) == [("DMA32", GIB, 4 * GIB), ("NORMAL", 4 * GIB, 9 * GIB)]
    assert reaches(answer) == {"/soc/mmc@16010000": ["DMA32"]}
    assert answer["gfp_dma"] == answer["gfp_dma32"] == ["DMA32"]


@pytest.mark.parametrize("bits", BITS)
def test_memory_above_64g(bits):
    answer = plan(bits, "above_64g")
    assert zones(answer) == [("DMA", 64 * GIB, 65 * GIB), ("NORMAL", 65 * GIB, 66 * GIB)]
    assert reaches(answer) == {"/bus@20000000/mmc@8000": ["DMA"], "/ethernet@30000000": []}
    assert [d["coherent"] for d in answer["dma_devices"]] == [False, True]
    assert answer["gfp_dma"] == answer["gfp_dma32"] == ["DMA"]
    assert answer["notes"] == ["memory: /ethernet@30000000: DMA of 32 bits reaches no memory"]
    sv32 = answer["linear_map"][0]
    assert (sv32["mode"], sv32["covered"], sv32["left_out"]) == ("sv32", 896 * MIB, 1152 * MIB)


@pytest.mark.parametrize("bits", BITS)
def test_harts(bits):
    answer = plan(bits, "harts")
    assert [(h["hartid"], h["state"]) for h in answer["harts"]] == [
        (0, "no-mmu"), (5, "disabled"), (7, "no-mmu"), (0x1000, "usable"), (0x100000002, "usable"),
    ]


@pytest.mark.parametrize("bits", BITS)
def test_numa(bits):
    answer = plan(bits, "numa")
    assert [(n["numa_node_id"], n["bytes"], n["distances"]) for n in answer["nodes"]] == [
        (2, 768 * MIB, [10, 25]), (7, 256 * MIB, [25, 10]),
    ]
    assert [b["node"] for b in answer["banks"]] == [0, 1, 0, 0]
    assert [b["hotpluggable"] for b in answer["banks"]] == [False, False, True, False]
    assert [h["node"] for h in answer["harts"]] == [1, 1, 0]


@pytest.mark.parametrize("bits", BITS)
def test_bad_distance_map(bits):
    answer = plan(bits, "numa_bad_map")
    assert [n["distances"] for n in answer["nodes"]] == [[10, 20], [20, 10]]
    assert answer["notes"] == [
        "memory: device tree: /distance-map: distance 11 from node 0 to node 0: ignored"
    ]


@pytest.mark.parametrize("bits", BITS)
def test_dma_windows(bits):
    answer = plan(bits, "dma_windows")
    assert zones(answer) == [
        ("DMA", 0x80000000, 0x90000000), ("DMA.2", 0x90000000, 0xA0000000),
        ("DMA.3", 0xA0000000, 0xC0000000), ("DMA32", 0xC0000000, 0x100000000),
        ("NORMAL", 0x100000000, 0x280000000),
    ]
    assert reaches(answer) == {
        "/soc/mmc@10000000": ["DMA", "DMA.2", "DMA.3", "DMA32"],
        "/soc/bridge@11000000/mmc@100": ["DMA.2"],
        "/soc/ethernet@10020000": ["DMA", "DMA.2", "DMA.3", "DMA32", "NORMAL"],
        "/pcie@2000000000": ["DMA", "DMA.2", "DMA.3"],
    }
    ranges = {d["path"]: spans(d["ranges"]) for d in answer["dma_devices"]}
    assert ranges["/soc/mmc@10000000"] == [
        (0x80000000, 0xFA000000), (0xFB000000, 0x100000000), (0x107A000000, 0x107B000000),
    ]
    assert [d["coherent"] for d in answer["dma_devices"]] == [False, True, False, True]
    assert answer["gfp_dma"] == ["DMA.2"]


@pytest.mark.parametrize("bits", BITS)
def test_more_boundaries_than_zones(bits):
    answer = plan(bits, "many_limits")
    assert [z["name"] for z in answer["zones"]] == [
        "DMA24", "DMA28", "DMA29", "DMA30", "DMA31", "DMA32", "DMA", "NORMAL",
    ]
    assert answer["notes"] == [
        f"memory: more than 8 zones: no boundary at {1 << bit:#x}" for bit in (25, 26, 27)
    ]
    assert reaches(answer)["/b27/d"] == ["DMA24"]


@pytest.mark.parametrize("bits", BITS)
def test_harmless_oddities(bits):
    answer = plan(bits, "odd")
    assert answer["notes"] == [
        "memory: /memory@c0000000: an empty bank at 0xc0000100, ignored",
        "memory: /memreserve/: [0x4000000000, 0x4000001000) lies outside of memory",
        "memory: /reserved-memory/two@84001000: [0x84001000, 0x84003000) overlaps another"
        " reservation",
        "memory: /reserved-memory/two@84001000: both no-map and reusable: taken as no-map",
        "memory: /reserved-memory/empty@85000000: an empty reservation at 0x85000000, ignored",
        "memory: /reserved-memory/neither: neither reg nor size, ignored",
        "memory: /chosen: bootargs makes no sense, ignored",
        "memory: /chosen: the initrd at [0x90000000, 0x90100000) isn't in memory, ignored",
        "memory: /reserved-memory/giant: no place for 4194304 KiB, ignored",
    ]
    assert spans(b for b in answer["banks"] if not b["no_map"]) == [
        (0x80001000, 0x84001000), (0x84003000, 0x8FFFF000),
    ]


# --- options --------------------------------------------------------------------------------


def test_less_memory():
    assert spans(plan(64, "holes", "--mem", "160M")["banks"]) == [
        (0x80000000, 0x87F00000), (0x87F00000, 0x88000000), (0x90000000, 0x92000000),
    ]


def test_more_memory():
    assert spans(plan(64, "at_1g", "--mem", "16G")["banks"]) == [(GIB, 17 * GIB)]


@pytest.mark.parametrize(
    "args",
    [[], ["--mem"], ["x.dtb", "--mem", "0"], ["x.dtb", "--mem", "1Q"], ["x.dtb", "--nonsense", "1"],
     ["x.dtb", "--kernel", "5"], ["x.dtb", "--dma-zone", "57"],
     ["x.dtb", "--dma-zone", "11"], ["a", "b"]],
)
def test_nonsense_gives_usage(args):
    done = subprocess.run(
        [TOP / "build/host/64/mmplan", *args], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: mmplan BOARD.dtb")


def test_no_file():
    done = mmplan(64, "build/host/no-such.dtb")
    assert done.returncode == 2
    assert "No such file" in done.stderr


def test_wrapper_builds_and_answers():
    done = subprocess.run(
        [TOP / "tools/mmplan", "build/host/dts/at_1g.dtb"], cwd=TOP, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^  DMA32 +40000000 - +100000000 +3 GiB$", done.stdout, re.M)


# --- QEMU's own trees -----------------------------------------------------------------------

QEMU = shutil.which("qemu-system-riscv64")


def dump(tmp_path, *args):
    dtb = tmp_path / "qemu.dtb"
    machine = next(a for a in args if a.startswith("-M"))
    rest = [a for a in args if a is not machine]
    subprocess.run(
        [QEMU, "-M", machine[2:] + f",dumpdtb={dtb}", "-display", "none", *rest],
        check=True, capture_output=True, timeout=60,
    )
    done = mmplan(64, dtb, "--json", "--kernel", "0x80200000,0x80000")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not QEMU, reason="no QEMU here")
def test_qemu_virt(tmp_path):
    answer = dump(tmp_path, "-Mvirt", "-smp", "8", "-m", "1G")
    assert spans(answer["banks"]) == [(0x80000000, 0xC0000000)]
    assert zones(answer) == [("DMA32", 0x80000000, 0xC0000000)]
    assert [h["state"] for h in answer["harts"]] == ["usable"] * 8
    assert all(d["bits"] == 44 for d in answer["dma_devices"])


@pytest.mark.skipif(not QEMU, reason="no QEMU here")
def test_qemu_sifive_u(tmp_path):
    answer = dump(tmp_path, "-Msifive_u", "-smp", "5", "-m", "1G")
    assert [(h["hartid"], h["state"]) for h in answer["harts"]] == [
        (0, "no-mmu"), (1, "usable"), (2, "usable"), (3, "usable"), (4, "usable"),
    ]
    assert answer["timebase_hz"] == 1000000


def compile_tree(folder, text):
    """The blob of a tree whose source is @text; it may include what is in tests/dts."""
    source, dtb = folder / "tree.dts", folder / "tree.dtb"
    source.write_text("/dts-v1/;\n" + text)
    subprocess.run(["dtc", "-q", "-i", DTS, "-I", "dts", "-O", "dtb", "-o", dtb, source], check=True)
    return dtb


@pytest.mark.parametrize("bits", BITS)
def test_a_place_of_free_choice_may_be_no_map(bits, tmp_path):
    dtb = compile_tree(tmp_path, """/include/ "virt.dtsi"
        / {
            memory@80000000 { device_type = "memory"; reg = <0 0x80000000 0 0x10000000>; };
            reserved-memory {
                #address-cells = <2>; #size-cells = <2>; ranges;
                anywhere { size = <0 0x400000>; alignment = <0 0x200000>; no-map; };
            };
        };""")
    answer = json.loads(mmplan(bits, dtb, "--json").stdout)
    assert [(b["start"], b["end"], b["no_map"]) for b in answer["banks"]] == [
        (0x80000000, 0x8FC00000, False), (0x8FC00000, 0x90000000, True),
    ]
    assert [r["no_map"] for r in answer["reservations"]] == [True]
    assert zones(answer) == [("DMA32", 0x80000000, 0x8FC00000)]


@pytest.mark.parametrize("bits", BITS)
def test_nodes_that_overlap_in_what_memreserve_has_too(bits, tmp_path):
    """One node and an entry of the list for the same range are usual; two nodes are a mistake."""
    dtb = compile_tree(tmp_path, """
        /memreserve/ 0x84000000 0x20000;
        /memreserve/ 0x86000000 0x10000;
        /include/ "virt.dtsi"
        / {
            memory@80000000 { device_type = "memory"; reg = <0 0x80000000 0 0x10000000>; };
            reserved-memory {
                #address-cells = <2>; #size-cells = <2>; ranges;
                one@84000000 { reg = <0 0x84000000 0 0x10000>; };
                two@8400f800 { reg = <0 0x8400f800 0 0x800>; };
                three@86000000 { reg = <0 0x86000000 0 0x10000>; };
            };
        };""")
    assert json.loads(mmplan(bits, dtb, "--json").stdout)["notes"] == [
        "memory: /reserved-memory/two@8400f800: [0x8400f000, 0x84010000) overlaps another"
        " reservation",
    ]


@pytest.mark.parametrize("bits", BITS)
def test_reservations_and_the_edges_of_banks(bits, tmp_path):
    """The bank loses its first, incomplete page; what is reserved there is memory all the same."""
    dtb = compile_tree(tmp_path, """
        /memreserve/ 0x80000000 0x80000;
        /memreserve/ 0x8ffff000 0x3000;
        /include/ "virt.dtsi"
        / {
            memory@80000000 { device_type = "memory"; reg = <0 0x80000100 0 0x10000000>; };
            reserved-memory {
                #address-cells = <2>; #size-cells = <2>; ranges;
                firmware@80000000 { reg = <0 0x80000000 0 0x80000>; no-map; };
            };
        };""")
    answer = json.loads(mmplan(bits, dtb, "--json").stdout)
    found = [(r["start"], r["end"], r["no_map"], r["in_memory"]) for r in answer["reservations"]]
    assert found == [(0x80000000, 0x80080000, True, True), (0x8FFFF000, 0x90002000, False, True)]
    text = mmplan(bits, dtb).stdout
    assert re.search(r"80000000 - +80080000 .* no-map  partly outside of memory\n", text)
    assert re.search(r"8ffff000 - +90002000 .* memreserve  partly outside of memory\n", text)
