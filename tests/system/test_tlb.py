# SPDX-License-Identifier: BSD-2-Clause
"""What page tables and fences use, with each extension and without: `tlb`, `ptdump`, the suites.

The machines of the other tests have none of these extensions.
"""

import re
import shutil
import subprocess

import pytest

import checks
import info
from machine import TOP

SUITES = ("tlb", "pgtable", "paging", "kfence")


def facts(m):
    """{what: how} of `tlb`, and its lines about harts."""
    lines = m.run("tlb")
    pairs = dict(re.split("  +", line, maxsplit=1) for line in lines if re.match(r"[a-zA-Z]", line))
    return pairs, [line.split(maxsplit=2) for line in lines if re.match(r" *\d", line)]


def skipped(suites):
    return {(name, c.name) for name, s in suites.items() for c in s.cases if c.skip is not None}


@pytest.mark.parametrize("paging, longer", [("sv39", "vmalloc"), ("sv48", "pgtable-random"),
                                            ("sv57", "vmalloc_harts")])
def test_with_all(machine, paging, longer):
    m = machine(smp=3, mem="128M", cpu="rv64,svnapot=on,svpbmt=on,svinval=on",
                append=f"paging={paging}")
    said, harts = facts(m)
    assert said["mode"] == paging
    assert said["leaves"].startswith("4K 64K 2M 1G")
    assert "Svpbmt" in said["kinds of memory"] and "Svinval" in said["fences"]
    assert {h[1] for h in harts} == {said["ASIDs"].split()[0]} == {"16"} and len(harts) == 3
    # What of the linear map isn't 2 MiB: around the image.
    assert any(x.leaf == "64K" for x in info.ptdump(m.run("ptdump")) if x.region == "linear map")
    suites = checks.suites_pass(m, *SUITES, longer)
    assert not skipped(suites) & {("pgtable", "napot"), ("tlb", "asked"), ("tlb", "use")}
    checks.write_xor_execute(m)
    checks.no_errors_logged(m, expected=("W^X",))
    assert m.poweroff() == 0


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_hart_that_comes_up_fences(image, board):
    """
    Behind the point from where on others ask it, of translations and of instructions: QEMU, which
    sees each write to code, would run the same without (hotplug/new-code).
    """
    image(board)
    out = subprocess.run(["riscv64-unknown-elf-objdump", "-d", "--no-show-raw-insn",
                          "--disassemble=smp_hart_online", TOP / f"build/{board}/hartwood"],
                         capture_output=True, text=True, check=True).stdout
    did = re.findall(r"^\s*[0-9a-f]+:\s+(sc\.w|sfence\.vma|fence\.i|j[a-z]*\s.*<tlb_flush_local_all)",
                     out, re.M)
    assert len(did) == 3 and did[0] == "sc.w" and did[2] == "fence.i", out
    assert did[1].startswith(("sfence.vma", "j")), out


def test_one_at_a_time(machine):
    """An extension that some hart, or all, lack isn't used."""
    for extension, has in (("svnapot", "64K"), ("svinval", "Svinval"), ("svpbmt", "Svpbmt")):
        m = machine(smp=1, mem="64M", cpu=f"rv64,{extension}=on")
        text = "\n".join(m.run("tlb"))
        assert [x for x in ("64K", "Svinval", "Svpbmt") if x in text] == [has]
        checks.suites_pass(m, "tlb", "pgtable")
        assert m.poweroff() == 0


def test_rv32(machine):
    said, harts = facts(machine(board="qemu-virt32", smp=2, mem="128M"))
    assert said["leaves"] == "4K 4M" and said["ASIDs"] == "9 bits"
    assert "PMA" in said["kinds of memory"] and len(harts) == 2


# ---- accessed and dirty: QEMU up to 7.2 has harts that set them and don't say so ----

@pytest.fixture
def later_qemu(monkeypatch):
    for program in (shutil.which("qemu-system-riscv64"),
                    str(TOP / "build/qemu10/usr/bin/qemu-system-riscv64")):
        try:
            version = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True)
        except OSError:
            continue
        if int(re.search(r"version (\d+)", version.stdout)[1]) >= 10:
            return monkeypatch.setenv("QEMU", program)
    return pytest.skip("no QEMU 10")


@pytest.mark.parametrize("cpu, by", [("svadu=on,svade=off", "by the hart (Svadu)"),
                                     ("svadu=off,svade=on", "by a fault"),
                                     ("svadu=on,svade=on", "by ")])
def test_accessed_and_dirty(machine, later_qemu, cpu, by):
    m = machine(smp=3, mem="64M", cpu=f"rv64,svnapot=on,{cpu}")
    assert all(h[2].startswith(by) for h in facts(m)[1])
    suites = checks.suites_pass(m, "tlb", "pgtable")
    assert ("tlb", "use") not in skipped(suites)
    marked = int(re.search(r"(\d+) set", facts(m)[0]["faults"])[1])
    assert (marked > 0) == ("by a fault" in facts(m)[1][0][2])
    assert m.poweroff() == 0
