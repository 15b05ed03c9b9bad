#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tables.py - the packed relocations and function names of the kernel image

    tables.py pack ELF -o BLOB [--no-symbols]
    tables.py verify ELF [--no-symbols]

The kernel is linked twice.  The first link has an empty section .tables and
keeps its relocations (ld --emit-relocs); `pack` turns them into BLOB, which the
second link puts into .tables, the last part of the file, so that nothing moves.
`verify` packs the second link again and refuses it if the result differs.

BLOB, little endian, without gaps (include/kernel/tables.h has it in C):

    u32 magic "HWTB"  u32 nr_relocs  u32 nr_symbols  u32 strings_bytes
    nr_relocs  x  u32 offset from _start of a word (a register wide) that holds
                  a link address and must be moved with the image; aligned to
                  its width, on rv32 also to 2 only (an instruction, see below)
    nr_symbols x  u32 offset of a function from _start
    for each 16th of these, u32 offset of its name among the names
    strings_bytes bytes of NUL-terminated names in that order, padded to a multiple of 4

Not listed: words in debug sections, undefined weak symbols (they stay 0) and
absolute symbols.  Refused, with section, offset and symbol: every other use of
an address that depends on where the image runs and is not a whole word, such
as lui/addi pairs (R_RISCV_HI20) from code not compiled with -mcmodel=medany.
Refused as well: code or data that stays and mentions what is freed after boot
(__init and its kin, include/base/compiler.h), unless a function says __ref.

But picolibc for rv32 is compiled with lui/addi.  An image moves by multiples of
4 KiB, so the low half of such a pair stays, and moving the high half is adding
the distance to the instruction word, whose upper 20 bits are the immediate:
on rv32 a lui is listed like any word, and head.S needs fence.i after the list.
"""

import argparse
import struct
import sys

from elftools.elf.elffile import ELFFile

MAGIC = 0x42545748
STEP = 16  # TABLES_STEP
SHF_ALLOC, SHF_EXECINSTR = 2, 4
SHN_UNDEF, SHN_ABS = 0, 0xFFF1
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION = 0, 1, 2, 3
STB_LOCAL, STB_WEAK = 0, 2

# Relocation types of the RISC-V ELF psABI, by what they mean to an image that moves.
R_32, R_64 = 1, 2
R_HI20, R_LO12_I, R_LO12_S = 26, 27, 28
MOVES_WITH_IMAGE = {  # differences of two addresses in the image, hints, nothing
    0, 16, 17, 18, 19, 23, 24, 25, 33, 34, 35, 36, 37, 38, 39, 40, 43, 44, 45,
    51, 52, 53, 54, 55, 56, 57, 60, 61,
}
# What the linker's relaxation leaves behind where it replaced an address by an offset from gp
# (gp is computed from the pc).  The numbers are the linker's own: 47 and 48 in binutils
# 2.40, from 66 up in later ones.  So the instruction is looked at: its base must be gp.
RELAXED = {47, 48} | set(range(66, 80))
PC_RELATIVE = {16, 17, 18, 19, 23, 44, 45, 57}
TYPE_NAMES = {
    R_32: "R_RISCV_32", R_64: "R_RISCV_64", R_HI20: "R_RISCV_HI20",
    R_LO12_I: "R_RISCV_LO12_I", R_LO12_S: "R_RISCV_LO12_S", 29: "R_RISCV_TPREL_HI20", 20: "R_RISCV_GOT_HI20",
    21: "R_RISCV_TLS_GOT_HI20", 22: "R_RISCV_TLS_GD_HI20", 23: "R_RISCV_PCREL_HI20",
    46: "R_RISCV_RVC_LUI",
}


# Labels of kernel.lds.S in the text, which are nobody's name.
SECTION_EDGES = ("_stext", "_etext", "_sinittext", "_einittext", "_sref", "_eref")
# What is gone after boot; and what may mention it, besides itself.
INIT_RANGES = (("_sinittext", "_einittext"), ("_sinitrodata", "_einitrodata"),
               ("__init_bss_start", "__init_bss_end"))
EDGES = set(SECTION_EDGES) | {edge for edges in INIT_RANGES for edge in edges}
REF_RANGE = ("_sref", "_eref")
PCREL_LO12 = {24, 25}  # their symbol is where the high half is loaded


class Refused(Exception):
    """The image can't be relocated; the text says where and why."""


def within(address, ranges):
    return any(start <= address < end for start, end in ranges)


class Symbol:
    def __init__(self, name, value, kind, binding, shndx):
        self.name, self.value, self.kind = name, value, kind
        self.binding, self.shndx = binding, shndx

    @property
    def fixed(self):
        """Its value does not change when the image moves."""
        return self.shndx in (SHN_UNDEF, SHN_ABS)


class Image:
    """One linked kernel: its sections, symbols and kept relocations."""

    def __init__(self, path):
        with open(path, "rb") as f:
            elf = ELFFile(f)
            self.bits = elf.elfclass
            self.sections = list(elf.iter_sections())
            self.data = [s.data() if s["sh_flags"] & SHF_ALLOC else None for s in self.sections]
            self.symbols = self._read_symbols()
            self.relas = [(s["sh_info"], s.data()) for s in self.sections
                          if s["sh_type"] == "SHT_RELA"]
        if not self.relas:
            raise Refused("no relocations kept: link with --emit-relocs")
        by_name = {s.name: s.value for s in self.symbols}
        for name in ("_start", "_end"):
            if name not in by_name:
                raise Refused(f"symbol {name} is missing")
        self.start, self.end = by_name["_start"], by_name["_end"]

    def _read_symbols(self):
        table = next(s for s in self.sections if s["sh_type"] == "SHT_SYMTAB")
        strings = self.sections[table["sh_link"]].data()
        out = []
        fmt = "<IBBHQQ" if self.bits == 64 else "<IIIBBH"
        for e in struct.iter_unpack(fmt, table.data()):
            if self.bits == 64:
                name, info, _, shndx, value, _ = e
            else:
                name, value, _, info, _, shndx = e
            text = strings[name:strings.index(b"\0", name)].decode()
            out.append(Symbol(text, value, info & 15, info >> 4, shndx))
        return out

    def _relocations(self, blob):
        """Yield (address, type, symbol, addend) of one RELA section."""
        fmt, shift = ("<QQq", 32) if self.bits == 64 else ("<IIi", 8)
        mask = (1 << shift) - 1
        for where, info, addend in struct.iter_unpack(fmt, blob):
            yield where, info & mask, self.symbols[info >> shift], addend

    def words(self):
        """Offsets from _start of all words that move; raises Refused."""
        word = R_64 if self.bits == 64 else R_32
        out = []
        for target, blob in self.relas:
            section = self.sections[target]
            if not section["sh_flags"] & SHF_ALLOC or section.name == ".tables":
                continue
            for where, kind, symbol, _ in self._relocations(blob):
                if kind == word and not symbol.fixed:
                    self._check_word(target, where, symbol)
                    out.append(where - self.start)
                elif self.bits == 32 and kind == R_HI20 and not symbol.fixed:
                    self._check_lui(target, where, symbol)
                    out.append(where - self.start)
                elif self.bits == 32 and kind in (R_LO12_I, R_LO12_S):
                    pass
                elif kind in RELAXED and self._base_is_gp(target, where):
                    pass
                else:
                    self._check_other(section, where, kind, symbol)
        return sorted(set(out))

    def _refuse(self, section, where, kind, symbol, why):
        name = TYPE_NAMES.get(kind, f"relocation type {kind}")
        raise Refused(f"{section.name}+{where - section['sh_addr']:#x} ({where:#x}): "
                      f"{name} against '{symbol.name or 'a section'}': {why}")

    def _check_word(self, target, where, symbol):
        size = self.bits // 8
        section = self.sections[target]
        if where % size:
            self._refuse(section, where, R_64 if size == 8 else R_32, symbol,
                         "word is not aligned")
        at = where - section["sh_addr"]
        value = int.from_bytes(self.data[target][at:at + size], "little")
        if not self.start - 4096 <= value <= self.end + 4096:
            self._refuse(section, where, R_64 if size == 8 else R_32, symbol,
                         f"the word holds {value:#x}, which is outside the image")

    def _check_lui(self, target, where, symbol):
        at = where - self.sections[target]["sh_addr"]
        if self.data[target][at] & 0x7F != 0x37:
            self._refuse(self.sections[target], where, R_HI20, symbol, "not a lui instruction")

    def _base_is_gp(self, target, where):
        at = where - self.sections[target]["sh_addr"]
        instruction = int.from_bytes(self.data[target][at:at + 4], "little")
        return instruction & 3 == 3 and instruction >> 15 & 31 == 3

    def _check_other(self, section, where, kind, symbol):
        if kind in MOVES_WITH_IMAGE:
            absolute = symbol.shndx == SHN_ABS and symbol.value
            if kind in PC_RELATIVE and absolute:
                self._refuse(section, where, kind, symbol,
                             "a pc-relative use of an absolute symbol breaks when the image moves")
        elif not symbol.fixed:
            self._refuse(section, where, kind, symbol,
                         "depends on the load address and can't be relocated at boot "
                         "(code not compiled with -mcmodel=medany?)")

    def functions(self):
        """(offset from _start, name) of each function, sorted, one name an address."""
        best = {}
        for s in self.symbols:
            if s.shndx == 0 or s.shndx >= len(self.sections):
                continue
            if not self.sections[s.shndx]["sh_flags"] & SHF_EXECINSTR:
                continue
            if s.kind not in (STT_FUNC, STT_NOTYPE) or s.name.startswith(("$", ".L")):
                continue
            if not s.name or s.name in SECTION_EDGES:
                continue
            rank = (s.kind == STT_FUNC, s.binding not in (STB_LOCAL, STB_WEAK), s.binding != STB_WEAK)
            offset = s.value - self.start
            if offset not in best or rank > best[offset][0]:
                best[offset] = (rank, s.name)
        return [(offset, best[offset][1]) for offset in sorted(best)]

    def check_init(self):
        """Nothing that stays may mention what is freed after boot."""
        by_name = {s.name: s.value for s in self.symbols}
        gone = [(by_name[start], by_name[end]) for start, end in INIT_RANGES if start in by_name]
        allowed = gone + [(by_name[a], by_name[b]) for a, b in [REF_RANGE] if a in by_name]
        found = []
        for target, blob in self.relas:
            section = self.sections[target]
            if not section["sh_flags"] & SHF_ALLOC or section.name == ".tables":
                continue
            for where, kind, symbol, addend in self._relocations(blob):
                at = symbol.value + (addend if symbol.kind == STT_SECTION else 0)
                if symbol.fixed or kind in PCREL_LO12 or within(where, allowed):
                    continue
                if within(at, gone) and symbol.name not in EDGES:
                    found.append(f"{self.function_at(where)} ({section.name}, {where:#x}) mentions "
                                 f"'{symbol.name or hex(at)}'")
        if found:
            raise Refused("what stays must not mention what is gone after boot (__init and its "
                          "kin):\n" + "\n".join(found))

    def function_at(self, address):
        before = [(s.value, s.name) for s in self.symbols
                  if s.value <= address and s.name and not s.name.startswith(("$", ".L"))
                  and s.kind in (STT_NOTYPE, STT_OBJECT, STT_FUNC)]
        return max(before, default=(0, "?"))[1]

    def check_placement(self):
        """Every table must lie in the read-only part that kernel.lds.S makes for it."""
        by_name = {s.name: s.value for s in self.symbols}
        for s in self.sections:
            if not s.name.startswith("tbl_"):
                continue
            if not by_name["_srodata"] <= s["sh_addr"] < by_name["_erodata"] and s["sh_size"]:
                raise Refused(f"section {s.name} has no TABLE() line in kernel.lds.S")


def pack(image, with_symbols):
    image.check_placement()
    image.check_init()
    relocs = image.words()
    functions = image.functions() if with_symbols else []
    names, starts = b"", []
    for _, name in functions:
        starts.append(len(names))
        names += name.encode() + b"\0"
    names += b"\0" * (-len(names) % 4)
    numbers = relocs + [offset for offset, _ in functions] + starts[::STEP]
    return struct.pack(f"<{4 + len(numbers)}I", MAGIC, len(relocs), len(functions), len(names),
                       *numbers) + names


def main():
    parser = argparse.ArgumentParser(description="pack or verify the kernel's .tables section")
    parser.add_argument("action", choices=("pack", "verify"))
    parser.add_argument("elf")
    parser.add_argument("-o", dest="out", help="file to write (pack)")
    parser.add_argument("--no-symbols", action="store_true", help="leave function names out")
    args = parser.parse_args()
    try:
        image = Image(args.elf)
        blob = pack(image, not args.no_symbols)
        if args.action == "pack":
            with open(args.out, "wb") as f:
                f.write(blob)
            return
        index = next(i for i, s in enumerate(image.sections) if s.name == ".tables")
        if image.data[index][:len(blob)] != blob:
            raise Refused("the tables do not describe this link: pass 2 moved something")
    except Refused as why:
        sys.exit(f"tables.py: {args.elf}: {why}")


if __name__ == "__main__":
    main()
