# SPDX-License-Identifier: BSD-2-Clause
"""The build's own tools: what they refuse, and what a link must not contain.

Each test that wants a refusal shows first, or in its neighbour, that the same thing
without the fault is accepted.
"""

import os
import pathlib
import struct
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
import qemu  # noqa: E402  (tools/qemu.py)

GCC = "riscv64-unknown-elf-gcc"
FLAGS = {
    64: ["-march=rv64imac_zicsr", "-mabi=lp64", "-mcmodel=medany"],
    32: ["-march=rv32imac_zicsr", "-mabi=ilp32", "-mcmodel=medany"],
}
EMULATION = {64: "elf64lriscv", 32: "elf32lriscv"}
LAYOUT = {64: "-DCONFIG_ARCH_RV64I=1", 32: "-DCONFIG_ARCH_RV32I=1"}


def run(*command, **kwargs):
    return subprocess.run([str(c) for c in command], cwd=TOP, capture_output=True, text=True,
                          **kwargs)


def link(tmp, bits, assembly, *extra):
    """Link a few lines of assembly with the kernel's linker script; (result, ELF path)."""
    head = ".section .head.text,\"ax\"\n.globl _start\n_start:\n\tj entry\n"
    (tmp / "t.S").write_text(head + ".text\n.globl entry\nentry:\n" + assembly)
    done = run(GCC, *FLAGS[bits], "-c", tmp / "t.S", "-o", tmp / "t.o")
    assert done.returncode == 0, done.stderr
    done = run(GCC, *FLAGS[bits], LAYOUT[bits], "-DCONFIG_STACK_SHIFT=13", "-Iinclude",
               "-Iarch/riscv/include", "-E", "-P", "-x", "assembler-with-cpp",
               "arch/riscv/kernel/kernel.lds.S", "-o", tmp / "lds")
    assert done.returncode == 0, done.stderr
    elf = tmp / "elf"
    done = run("riscv64-unknown-elf-ld", "-m", EMULATION[bits], "--emit-relocs", "--gc-sections",
               "--no-warn-rwx-segments", "-T", tmp / "lds", tmp / "t.o", *extra, "-o", elf)
    return done, elf


def pack(tmp, bits, assembly):
    done, elf = link(tmp, bits, assembly)
    assert done.returncode == 0, done.stderr
    done = run("tools/tables.py", "pack", elf, "-o", tmp / "blob")
    return done, tmp / "blob", elf


def unpack(blob):
    """(offsets, {name: offset}) as a kernel would read them."""
    data = blob.read_bytes()
    magic, nr_relocs, nr_symbols, strings = struct.unpack_from("<4I", data)
    assert magic == 0x42545748
    nr_starts = (nr_symbols + 15) // 16
    assert len(data) == 16 + 4 * (nr_relocs + nr_symbols + nr_starts) + strings
    assert strings % 4 == 0
    relocs = struct.unpack_from(f"<{nr_relocs}I", data, 16)
    offsets = struct.unpack_from(f"<{nr_symbols}I", data, 16 + 4 * nr_relocs)
    starts = struct.unpack_from(f"<{nr_starts}I", data, 16 + 4 * (nr_relocs + nr_symbols))
    text = data[len(data) - strings:]
    names = text.decode().split("\0")[:nr_symbols]
    for n, start in enumerate(starts):
        assert text[start:].startswith(names[16 * n].encode() + b"\0")
    return relocs, dict(zip(names, offsets))


WORD = {64: ".dword", 32: ".word"}


@pytest.mark.parametrize("bits", [64, 32])
def test_tables_lists_every_word(tmp_path, bits):
    done, blob, elf = pack(tmp_path, bits, f"""
        lla a0, pointers
        lla a1, unmoved
        ret
        .type twice, @function
twice:  add a0, a0, a0
        ret
        .weak nowhere
        .data
        .balign 8
unmoved: {WORD[bits]} 5, nowhere
pointers: {WORD[bits]} entry, twice + 2, pointers
        """)
    assert done.returncode == 0, done.stderr
    relocs, symbols = unpack(blob)
    size = bits // 8
    first = relocs[0]
    assert relocs == (first, first + size, first + 2 * size)
    assert {"_start", "entry", "twice"} <= set(symbols) and "_etext" not in symbols
    image = tmp_path / "image"
    run("riscv64-unknown-elf-objcopy", "-O", "binary", elf, image)
    word = image.read_bytes()[first + size:first + 2 * size]
    link_address = 0xFFFFFFFF80000000 if bits == 64 else 0xFF000000
    assert int.from_bytes(word, "little") == link_address + symbols["twice"] + 2


LUI = """
        lui a0, %hi(object)
        lw a0, %lo(object)(a0)
        ret
        .data
object: .word 7
        """


def test_tables_refuses_lui_on_rv64(tmp_path):
    done, _, _ = pack(tmp_path, 64, LUI)
    assert done.returncode == 1
    assert "R_RISCV_HI20 against 'object'" in done.stderr and ".text+0x" in done.stderr


def test_tables_lists_lui_on_rv32(tmp_path):
    done, blob, _ = pack(tmp_path, 32, LUI)
    assert done.returncode == 0, done.stderr
    assert len(unpack(blob)[0]) == 1


@pytest.mark.parametrize("text, complaint", [
    ("lla a0, p\nret\n.data\n.balign 8\n.byte 0\np: .dword entry\n", "word is not aligned"),
    ("lla a0, p\nret\n.data\n.balign 8\np: .word entry\n", "R_RISCV_32 against 'entry'"),
    ("lla a0, p\nret\n.data\n.balign 8\np: .dword entry + 0x10000000\n", "outside the image"),
])
def test_tables_refuses(tmp_path, text, complaint):
    done, elf = link(tmp_path, 64, text, "--noinhibit-exec")
    assert elf.exists(), done.stderr
    done = run("tools/tables.py", "pack", elf, "-o", tmp_path / "blob")
    assert done.returncode == 1 and complaint in done.stderr, done.stderr


def test_tables_verify_notices_a_change(tmp_path):
    text = "lla a0, p\nret\n.data\n.balign 8\np: .dword entry\n"
    done, blob, _ = pack(tmp_path, 64, text)
    assert done.returncode == 0, done.stderr
    for change, status in ((b"", 0), (b"\1", 1)):
        data = bytearray(blob.read_bytes())
        data[16:16 + len(change)] = change
        (tmp_path / "packed").write_bytes(data)
        section = f'.section .tables,"a"\n.balign 8\n.incbin "{tmp_path}/packed"\n'
        _, elf = link(tmp_path, 64, text + section)
        done = run("tools/tables.py", "verify", elf)
        assert done.returncode == status, done.stderr


def test_thread_local_storage_is_refused(tmp_path):
    done, _ = link(tmp_path, 64, "ret\n")
    assert done.returncode == 0, done.stderr
    done, _ = link(tmp_path, 64, "lui a0, %tprel_hi(v)\nret\n.section .tbss,\"awT\",@nobits\n"
                   "v: .zero 4\n")
    assert done.returncode != 0 and "thread-local storage is linked in" in done.stderr


def test_layers_refuse_upward_and_circular_includes(tmp_path):
    run("git", "init", "-q", tmp_path)
    files = {
        "include/base/a.h": "",
        "include/mm/page.h": "#include <base/a.h>\n",
        "lib/x.c": "#include <mm/page.h>\n",
        "include/lib/p.h": "#include <lib/q.h>\n",
        "include/lib/q.h": "#include <lib/p.h>\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    code = (f"import sys; sys.path.insert(0, {str(TOP / 'tools')!r}); import check_layers; "
            "check_layers.HOOKS.clear(); check_layers.main()")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "lib/x.c (lib) includes include/mm/page.h (mm)" in done.stderr
    assert "circle of includes: include/lib/p.h -> include/lib/q.h" in done.stderr
    (tmp_path / "lib/x.c").write_text("#include <base/a.h>\n")
    (tmp_path / "include/lib/q.h").write_text("")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_qemu_line():
    line = qemu.command("qemu-virt", smp="8", mem="16G", append="loglevel=6")
    assert line[line.index("-smp") + 1] == "8"
    assert "memory-backend-ram,id=ram0,size=17179869184,reserve=off" in line
    assert line[line.index("-append") + 1] == "loglevel=6"
    nodes = qemu.command("qemu-virt", smp="4", mem="2G", numa="2")
    assert "node,nodeid=1,memdev=ram1,cpus=2-3" in nodes and "dist,src=1,dst=0,val=20" in nodes


def test_later_qemu(monkeypatch):
    """rv32 with more than the low 4 GiB is what older QEMUs can't emulate; others they can."""
    own = qemu.board_data("qemu-virt32")["QEMU_SYSTEM"]
    monkeypatch.setattr(qemu, "_major", lambda program: 7)
    for board, mem, later in (("qemu-virt32", "", False), ("qemu-virt32", "2G", False),
                              ("qemu-virt32", "2049M", True), ("qemu-virt", "16G", False)):
        assert qemu.needs_qemu10(board, mem) == later
    assert qemu.command("qemu-virt32", mem="2G")[0] == own
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    with pytest.raises(qemu.BadMachine, match="needs QEMU 10: tools/setup qemu10"):
        qemu.command("qemu-virt32", mem="3G")
    monkeypatch.setattr(os.path, "exists", lambda path: True)
    assert qemu.command("qemu-virt32", mem="3G")[0].endswith(f"build/qemu10/usr/bin/{own}")
    assert qemu.command("qemu-virt32", mem="3G", qemu="mine")[0] == "mine"
    monkeypatch.setattr(qemu, "_major", lambda program: 10)
    assert qemu.command("qemu-virt32", mem="3G")[0] == own


@pytest.mark.parametrize("wish, complaint", [
    ({"board": "nope"}, "no board 'nope'"),
    ({"board": "visionfive2"}, "no emulator"),
    ({"board": "qemu-virt", "mem": "lots"}, "'lots' is no size of memory"),
    ({"board": "qemu-virt", "smp": "0"}, "SMP=0"),
    ({"board": "qemu-virt", "smp": "3", "numa": "2"}, "multiple"),
])
def test_qemu_refuses(wish, complaint):
    with pytest.raises(qemu.BadMachine, match=complaint):
        qemu.command(**wish)


def test_setup_names_what_is_missing(tmp_path):
    """With almost nothing in PATH and no root, setup names package, reason and command."""
    for tool in ("sh", "dirname", "sed", "uname", "env"):
        (tmp_path / tool).symlink_to(next(f"{d}/{tool}" for d in ("/usr/bin", "/bin")
                                          if os.path.exists(f"{d}/{tool}")))
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho apt-get must not be called >&2\nexit 9\n")
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    for tool in ("apt-get", "id"):
        (tmp_path / tool).chmod(0o755)
    done = run("tools/setup", "build", env={"PATH": str(tmp_path)}, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "gcc-riscv64-unknown-elf: compiles the kernel" in done.stderr
    assert "ask for:  apt-get install --no-install-recommends gcc-riscv64-unknown-elf" in done.stderr
    assert "must not be called" not in done.stderr


@pytest.mark.parametrize("board", sorted(p.name for p in (TOP / "boards").iterdir()))
def test_defconfig_is_short_and_understood(board, tmp_path):
    lines = (TOP / "boards" / board / "defconfig").read_text().splitlines()
    assert len(lines) <= 20
    done = run("tools/kconfig.py", "--board", board, "--out", tmp_path, "sync")
    assert done.returncode == 0, done.stderr
    config = (tmp_path / ".config").read_text().splitlines()
    for line in lines:
        if line.startswith("CONFIG_") or line.endswith("is not set"):
            assert line in config


def test_kconfig_refuses_an_unknown_option(tmp_path):
    done = run("tools/kconfig.py", "--board", "qemu-virt", "--out", tmp_path, "sync")
    assert done.returncode == 0
    done = run("tools/kconfig.py", "--board", "no-board", "--out", tmp_path, "sync")
    assert done.returncode == 1 and "BOARD is one of" in done.stderr


FLIPPED = {
    "# CONFIG_DEBUG_VM is not set": "CONFIG_DEBUG_VM=y",
    "CONFIG_KALLSYMS=y": "# CONFIG_KALLSYMS is not set",
    "CONFIG_KTAP=y": "# CONFIG_KTAP is not set",
    "CONFIG_BENCH=y": "# CONFIG_BENCH is not set",
    "CONFIG_SERIAL_NS16550=y": "# CONFIG_SERIAL_NS16550 is not set",
    "CONFIG_SERIAL_SIFIVE=y": "# CONFIG_SERIAL_SIFIVE is not set",
    "CONFIG_PANIC_HALT=y": "CONFIG_PANIC_REBOOT=y",
    "CONFIG_VM_MODE_MAX_SV57=y": "CONFIG_VM_MODE_MAX_SV39=y",
    "CONFIG_PAGE_MAX_ORDER=10": "CONFIG_PAGE_MAX_ORDER=14",
    "CONFIG_STACK_SHIFT=13": "CONFIG_STACK_SHIFT=14",
    "CONFIG_LOG_BUF_SHIFT=14": "CONFIG_LOG_BUF_SHIFT=12",
}


def test_a_kernel_with_every_option_flipped_boots():
    """The options that no board turns round still compile, link and reach the shell."""
    out = TOP / "build" / "flipped"
    made = run("make", "-s", "O=build/flipped", "BOARD=qemu-virt", "defconfig")
    assert made.returncode == 0, made.stderr
    config = (out / ".config").read_text()
    for line, other in FLIPPED.items():
        assert line + "\n" in config, line
        config = config.replace(line + "\n", other + "\n")
    (out / ".config").write_text(config)
    made = run("make", "-s", "O=build/flipped", "BOARD=qemu-virt", "image")
    assert made.returncode == 0, made.stdout + made.stderr
    for other in FLIPPED.values():
        assert other + "\n" in (out / ".config").read_text()
    line = qemu.command("qemu-virt", kernel=str(out / "Image"), smp="2", append='run="help"',
                        extra=["-no-reboot"])
    boot = run(*line, stdin=subprocess.DEVNULL, timeout=60)
    assert boot.returncode == 0, boot.stdout
    assert "sv39" in boot.stdout and "poweroff" in boot.stdout
    assert "bench " not in boot.stdout and "Kernel panic" not in boot.stdout


@pytest.mark.parametrize("bits", [64, 32])
def test_an_image_that_its_tables_cannot_map_is_refused(tmp_path, bits):
    tables = 2 * (2 if bits == 64 else 4) << 20
    big = "\tla a0, big\n\tret\n.bss\nbig:\t.skip {}\n"
    done, _ = link(tmp_path, bits, big.format(tables - 0x10000))
    assert done.returncode == 0, done.stderr
    done, _ = link(tmp_path, bits, big.format(tables))
    assert done.returncode != 0
    assert "the image is larger than IMAGE_TABLES map" in done.stderr


@pytest.mark.parametrize("board,address,delta", [
    ("qemu-virt", "0xffffffff80000000", 0x200000), ("qemu-virt32", "0xff000000", 0x400000)])
def test_relocating_the_image_is_linking_it_elsewhere(board, address, delta, tmp_path):
    """What head.S does with the list in .tables, done here to the Image of one link address, makes
    it the Image of another, to the bit: the list has every word that moves, and no other."""
    made = run("make", "-s", f"BOARD={board}", "image")
    assert made.returncode == 0, made.stdout + made.stderr
    out = f"build/{board}"
    commands = run("make", "-n", "-W", f"{out}/kernel.lds", f"BOARD={board}", f"{out}/pass2").stdout
    link, = [x for x in commands.splitlines() if "-ld " in x and x.endswith(f" -o {out}/pass2")]
    lds = (TOP / out / "kernel.lds").read_text()
    moved = f"{int(address, 16) + delta:#x}"
    assert lds.count(address) > 3 and moved not in lds
    (tmp_path / "lds").write_text(lds.replace(address, moved))
    link = link.replace(f"-o {out}/pass2", f"-o {tmp_path}/elf")
    link = link.replace(f"{out}/kernel.lds", f"{tmp_path}/lds").replace(f"{out}/hartwood.map", f"{tmp_path}/map")
    done = run("sh", "-c", link)
    assert done.returncode == 0, done.stderr
    run("riscv64-unknown-elf-objcopy", "-O", "binary", tmp_path / "elf", tmp_path / "Image", check=True)

    image = bytearray((TOP / out / "Image").read_bytes())
    relocs, _ = unpack(TOP / out / "tables.bin")
    bytes_ = 4 if board.endswith("32") else 8
    assert len(relocs) > 100
    for at in relocs:
        word = int.from_bytes(image[at:at + bytes_], "little") + delta
        image[at:at + bytes_] = (word % (1 << 8 * bytes_)).to_bytes(bytes_, "little")
    assert image == (tmp_path / "Image").read_bytes()


def test_the_image_has_no_thread_local_storage_and_a_header():
    made = run("make", "-s", "BOARD=qemu-virt", "image")
    assert made.returncode == 0, made.stdout + made.stderr
    names = run("riscv64-unknown-elf-nm", "build/qemu-virt/hartwood").stdout
    assert " _start" in names and "errno" not in names
    header = (TOP / "build/qemu-virt/Image").read_bytes()[:64]
    assert header[0x30:0x35] == b"RISCV" and header[0x38:0x3C] == b"RSC\x05"
    text_offset, image_bytes = struct.unpack_from("<QQ", header, 8)
    assert text_offset == 0x200000
    assert image_bytes >= (TOP / "build/qemu-virt/Image").stat().st_size
