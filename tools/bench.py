#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""bench.py - count the instructions of the kernel's operations

    bench.py [--board qemu-virt] [--out build/bench.json] [KEY...]

Boots the default Image under QEMU's -icount with one hart, where the counter of
retired instructions is exact and a run repeats to the instruction, and asks the
shell's `bench`; boots it again with each size of memory for the boot_* keys.
Prints a table and writes {"KEY": {"measured": N, "target": N, "linux": N}, ...},
with "machine" naming the versions of QEMU and OpenSBI that counted.  A key without
a target or a figure of Linux's has null there.

linux: 6.12.117 for riscv64, gcc 12 -O2, SLUB, without debugging options, counted the
same way on the same machine.
"""

import argparse
import json
import os
import re
import subprocess
import sys

from elftools.elf.elffile import ELFFile

import qemu

MILLION = 1_000_000
# key: (target, Linux), in instructions for one operation unless the key says otherwise.
FIGURES = {
    "boot_32M": (2 * MILLION, 44_700_000),
    "boot_256M": (2 * MILLION, 48_700_000),
    "boot_1G": (2 * MILLION, 62_300_000),
    "boot_4G": (2_100_000, 135_700_000),
    "boot_8G": (2_200_000, 208_600_000),
    "boot_16G": (2_300_000, None),
    "image_bytes": (300 * 1024, 2_400_000),
    "struct_page_bytes": (32, 56),
    "free_at_8M_kb": (5632, None),
    "page0_pair": (50, 696),
    "page0_batch1000": (70, 699),
    "page0_batch4096": (90, 698),
    "page_bulk_1000": (30, None),
    "page3_pair": (60, 815),
    "page4_pair": (200, 1076),
    "page4_batch256": (250, 1180),
    "page9_pair": (300, 4850),
    "page9_comp_pair": (900, None),
    "zeroed_page_pair": (620, 1312),
}
MORE_IS_BETTER = {"free_at_8M_kb"}
ICOUNT = ["-icount", "shift=0,sleep=off", "-seed", "1", "-no-reboot"]


class Failed(Exception):
    """A machine did not do what was asked; the text ends with what it printed."""


def boot(board, mem, commands, timeout):
    """The console of one hart with @mem memory that runs shell @commands and powers off."""
    line = qemu.command(board, smp="1", mem=mem, append=f'run="{commands}"', extra=ICOUNT)
    try:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
        out = (done.stdout + done.stderr).decode(errors="replace").replace("\r", "")
    except subprocess.TimeoutExpired as late:
        out = (late.stdout or b"").decode(errors="replace")
        raise Failed(f"{mem}: still running after {timeout} s\n{out[-2000:]}") from None
    if done.returncode or re.search(r"panic|WARN at|BUG at", out, re.I):
        raise Failed(f"{mem}: status {done.returncode}\n{out[-2000:]}")
    return out


def find(pattern, out, what):
    match = re.search(pattern, out)
    if not match:
        raise Failed(f"no {what} in what the kernel printed:\n{out[-2000:]}")
    return match[1]


def struct_page_bytes(elf):
    """sizeof(struct page) as the debugging information of the kernel has it."""
    with open(elf, "rb") as f:
        dwarf = ELFFile(f).get_dwarf_info(relocate_dwarf_sections=False)
        for unit in dwarf.iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                name = die.attributes.get("DW_AT_name")
                if (die.tag == "DW_TAG_structure_type" and name and name.value == b"page"
                        and "DW_AT_byte_size" in die.attributes):
                    return die.attributes["DW_AT_byte_size"].value
    raise Failed(f"{elf}: struct page is not described")


def measure(board, wanted):
    """({key: number}, {what: version}); an empty @wanted means all keys."""
    def want(key):
        return not wanted or key in wanted

    measured, machine, folder = {}, {}, f"{qemu.TOP}/build/{board}"
    if want("image_bytes"):
        measured["image_bytes"] = os.path.getsize(f"{folder}/Image")
    if want("struct_page_bytes"):
        measured["struct_page_bytes"] = struct_page_bytes(f"{folder}/hartwood")
    if want("free_at_8M_kb"):
        out = boot(board, "8M", "dmesg", 60)
        measured["free_at_8M_kb"] = int(find(r"(\d+) KiB free", out, "free memory"))
    for key in FIGURES:
        if key.startswith("boot_") and want(key):
            out = boot(board, key[5:], "dmesg", 60)
            measured[key] = int(find(r"(\d+) instructions from _start", out, "count of the boot"))
    keys = [key for key in wanted if key not in measured]
    if keys or not wanted:
        out = boot(board, "256M", " ".join(["bench"] + keys), 600)
        machine["opensbi"] = find(r"OpenSBI v(\S+)", out, "version of OpenSBI")
        measured.update((k, int(n)) for k, n in re.findall(r"^bench (\w+) (\d+)$", out, re.M))
        failed = re.findall(r"^bench (\w+) failed", out, re.M) + [k for k in keys if k not in measured]
        if failed:
            raise Failed("these gave no figure: " + " ".join(failed) + f"\n{out[-2000:]}")
    line = qemu.board_data(board)["QEMU_SYSTEM"]
    version = subprocess.run([line, "--version"], capture_output=True, text=True, check=True)
    machine["qemu"] = find(r"version (\S+)", version.stdout, "version of QEMU")
    return measured, machine


def met(key, number, target):
    return number >= target if key in MORE_IS_BETTER else number <= target


def table(measured):
    print(f"{'':20}{'measured':>12}{'target':>12}{'Linux':>14}{'ratio':>9}")
    for key in sorted(measured, key=lambda k: (list(FIGURES).index(k) if k in FIGURES else 99, k)):
        number = measured[key]
        target, linux = FIGURES.get(key, (None, None))
        ratio = f"{linux / number:8.1f}x" if linux and number else f"{'-':>9}"
        note = "" if target is None or met(key, number, target) else "  over the target"
        if note and key in MORE_IS_BETTER:
            note = "  under the target"
        print(f"{key:20}{number:12,}{'-' if target is None else f'{target:,}':>12}"
              f"{'-' if linux is None else f'{linux:,}':>14}{ratio}{note}")


def main():
    parser = argparse.ArgumentParser(description="count instructions of kernel operations")
    parser.add_argument("--board", default="qemu-virt")
    parser.add_argument("--out", default="build/bench.json")
    parser.add_argument("keys", nargs="*")
    args = parser.parse_args()
    try:
        measured, machine = measure(args.board, args.keys)
    except (Failed, qemu.BadMachine) as why:
        sys.exit(f"bench: {why}")
    table(measured)
    result = {key: dict(zip(("measured", "target", "linux"),
                            (number, *FIGURES.get(key, (None, None)))))
              for key, number in measured.items()}
    result["machine"] = machine
    with open(args.out, "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    print(f"counted by QEMU {machine['qemu']}; {args.out} written")


if __name__ == "__main__":
    main()
