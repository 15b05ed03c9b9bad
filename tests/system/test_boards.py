# SPDX-License-Identifier: BSD-2-Clause
"""Other machines, firmware and ways to be loaded, most of them with qemu-virt's Image."""

import re
import struct
import subprocess

import pytest

import checks
import info
import trees
from info import GIB, MIB
from machine import TOP

VIRT_IMAGE = TOP / "build" / "qemu-virt" / "Image"
UBOOT = "/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf"


# ---- sifive_u: hart 0 has no MMU; another UART; no way to switch off ----

@pytest.mark.parametrize("harts", [2, 5])
def test_sifive_u(machine, image, harts):
    image("qemu-virt")
    m = machine(board="sifive-u", kernel=VIRT_IMAGE, smp=harts)
    checks.no_errors_logged(m)
    checks.suites_pass(m, every=harts == 5)
    checks.memory_adds_up(m, GIB)
    checks.harts_online(m, range(1, harts))
    checks.write_xor_execute(m)
    assert any("the firmware of this board can't" in x for x in m.run("poweroff"))
    m.send("reboot\r")
    assert m.wait_exit() == 0


def test_sifive_u_has_no_large_leaf_over_firmware(machine, image):
    """FU540's erratum: no leaf of 1 GiB over memory that PMP protects."""
    image("qemu-virt")
    m = machine(board="sifive-u", kernel=VIRT_IMAGE, mem="8G")
    linear = [x for x in info.ptdump(m.run("ptdump")) if x.region == "linear map"]
    assert any(x.leaf == "1G" for x in linear)
    assert not any(x.leaf == "1G" and x.pa < 0x80200000 for x in linear)


# ---- Svpbmt: device registers say so in their page table entries ----

@pytest.mark.parametrize("svpbmt", [True, False])
def test_svpbmt(machine, svpbmt):
    m = machine(smp=2, cpu=f"rv64,svpbmt={'on' if svpbmt else 'off'}")
    areas = info.vmallocinfo(m.run("vmallocinfo"))
    registers = {f"0x{x.va:016x}" for x in areas if x.phys is not None}
    leaves = [x for x in m.run("ptdump") if "leaf" in x]
    devices = [x for x in leaves if x.split("-")[0] in registers]
    others = [x for x in leaves if x not in devices]
    assert len(devices) >= 4 and all(x.endswith(" io") == svpbmt for x in devices), devices
    assert not any(x.endswith(" io") for x in others), others
    checks.no_errors_logged(m)


# ---- icicle: memory above 64 GiB, the second serial port, firmware without SRST ----

HIGH = 0x1000000000


def icicle_is_whole(m, every=False):
    checks.no_errors_logged(m)
    checks.suites_pass(m, every=every)
    mem, zones, banks = checks.memory_adds_up(m, 3 * GIB)
    assert banks == [(2 * GIB, 3 * GIB), (HIGH, HIGH + 2 * GIB)]
    assert checks.zone_spans(m) == [(2 * GIB, 3 * GIB - 4 * MIB), (HIGH, HIGH + 2 * GIB)]
    assert mem["NoMap"] >= 4 * MIB
    checks.harts_online(m, range(1, 5))
    checks.write_xor_execute(m)
    assert any("the firmware of this board can't" in x for x in m.run("poweroff"))


def test_icicle(machine):
    icicle_is_whole(machine(board="icicle"), every=True)


def test_icicle_same_image(machine, image):
    image("qemu-virt")
    icicle_is_whole(machine(board="icicle", kernel=VIRT_IMAGE))


# ---- rv32 ----

@pytest.mark.parametrize("mem,harts", [("32M", 1), ("256M", 4), ("512M", 8)])
def test_rv32(machine, mem, harts):
    m = machine(board="qemu-virt32", mem=mem, smp=harts)
    assert any("sv32," in x for x in m.lines)
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    checks.memory_adds_up(m, int(mem[:-1]) * MIB)
    checks.harts_online(m, range(harts))
    checks.write_xor_execute(m)
    assert m.poweroff() == 0


@pytest.mark.parametrize("mem", [1, 2])
def test_rv32_has_what_it_cant_map(machine, mem):
    m = machine(board="qemu-virt32", mem=f"{mem}G")
    line = next(x for x in m.run("dmesg") if "high memory" in x)
    start, end = re.search(r"0x([0-9a-f]+) to 0x([0-9a-f]+) is high memory", line).groups()
    assert int(end, 16) == (2 + mem) * GIB
    assert GIB / 2 <= int(start, 16) - 2 * GIB < GIB
    found, _zones, _banks = checks.memory_adds_up(m, mem * GIB)
    assert found["HighTotal"] <= int(end, 16) - int(start, 16)
    assert m.poweroff() == 0


# ---- loaded elsewhere ----

def moved_elf(elf, delta, out):
    """A copy of an ELF file whose segments are loaded @delta bytes further up."""
    data = bytearray(elf.read_bytes())
    phoff, = struct.unpack_from("<Q", data, 32)
    phentsize, phnum = struct.unpack_from("<HH", data, 54)
    for at in range(phoff, phoff + phnum * phentsize, phentsize):
        paddr, = struct.unpack_from("<Q", data, at + 24)
        struct.pack_into("<Q", data, at + 24, paddr + delta)
    out.write_bytes(data)
    return out


@pytest.mark.parametrize("delta", [2 * MIB, 98 * MIB, 250 * MIB])
def test_load_address(machine, image, tmp_path, delta):
    image("qemu-virt")
    elf = moved_elf(TOP / "build/qemu-virt/hartwood", delta, tmp_path / "moved")
    m = machine(kernel=elf, smp=2, mem="256M")
    code = next(r for r in info.iomem(m.run("iomem")) if r.what == "Kernel image")
    assert code.start == 0x80200000 + delta
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    checks.memory_adds_up(m, 256 * MIB)
    checks.write_xor_execute(m)
    assert m.poweroff() == 0


def test_loaded_above_64_gib(machine, image, tmp_path):
    """All memory that the tree shows lies at 64 GiB, as on a SEV kit; the firmware isn't in it."""
    image("qemu-virt")
    elf = moved_elf(TOP / "build/qemu-virt/hartwood", HIGH - 2 * GIB, tmp_path / "moved")
    source = (TOP / "boards/icicle/board.dts").read_text()
    source += "/ { /delete-node/ memory@80000000; };"
    dtb = trees.compile_tree("icicle-high", source)
    m = machine(board="icicle", kernel=elf, dtb=str(dtb), boot=False)
    if m.expect("place DTB|SBI Version").group() == "place DTB":
        pytest.skip("this QEMU puts no device tree below a kernel that is loaded so high")
    m.boot()
    checks.suites_pass(m)
    _, _, banks = checks.memory_adds_up(m, 2 * GIB)
    assert banks == [(HIGH, HIGH + 2 * GIB)]


# ---- U-Boot in S-mode, booti ----

def fat_disk(path, *files):
    """A disk with an MBR and one FAT partition that holds @files."""
    start, sectors = 2048, 32768
    with open(path, "wb") as disk:
        disk.truncate((start + sectors) * 512)
        entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x0e, b"\xfe\xff\xff", start, sectors)
        disk.seek(446)
        disk.write(entry)
        disk.seek(510)
        disk.write(b"\x55\xaa")
    at = f"{path}@@{start * 512}"
    subprocess.run(["mformat", "-i", at, "-T", str(sectors), "-h", "16", "-s", "63", "::"], check=True)
    subprocess.run(["mcopy", "-i", at, *map(str, files), "::"], check=True)
    return path


def test_uboot_booti(machine, image, tmp_path):
    image("qemu-virt")
    disk = fat_disk(tmp_path / "disk.img", VIRT_IMAGE)
    m = machine(kernel=UBOOT, smp=2, mem="512M", boot=False,
                extra=["-drive", f"file={disk},format=raw,if=none,id=d0",
                       "-device", "virtio-blk-device,drive=d0"])
    m.expect("stop autoboot")
    m.send("\r")
    for command in ("setenv bootargs paging=sv39 dma_zone=31",
                    "load virtio 0:1 ${kernel_addr_r} /Image",
                    "booti ${kernel_addr_r} - ${fdtcontroladdr}"):
        m.expect("=> ")
        m.send(command + "\r")
    m.boot()
    assert any("sv39," in x for x in m.lines)
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    checks.memory_adds_up(m, 512 * MIB)
    checks.harts_online(m, range(2))
    assert m.poweroff() == 0


# ---- virt with other parts ----

@pytest.mark.parametrize("interrupts", ["aplic", "aplic-imsic"])
def test_aia(machine, interrupts):
    """Another interrupt controller: nothing depends on a PLIC being there."""
    m = machine(smp=2, mem="128M", extra=["-machine", f"aia={interrupts}"])
    checks.no_errors_logged(m)
    checks.suites_pass(m)
    assert m.poweroff() == 0


# ---- harts that come by themselves ----

@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_late_harts(machine, board):
    """Every other hart arrives at _start, as with firmware without HSM, and is taken in."""
    m = machine(board=board, smp=8, mem="128M", append="late_harts")
    assert sum("arrived by itself" in x for x in m.run("dmesg")) == 7
    checks.no_errors_logged(m)
    checks.harts_online(m, range(8))
    checks.suites_pass(m, "smp")
    assert m.poweroff() == 0
