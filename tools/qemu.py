#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""qemu.py - the QEMU command line of a board

    qemu.py --board qemu-virt [--smp 8] [--mem 16G] [--numa 2] [--append TEXT] [--gdb]
            [--kernel FILE] [--print | --setup] [-- QEMU ARGUMENTS]

What a board's machine is called, how many harts and how much memory it has by
default stands in boards/BOARD/board.mk as `KEY := value`; a test imports
command() instead of starting this as a program.

Memory is a backend without a reservation, so a machine with more memory than
the host has can start: pages of the host are taken as the guest writes them.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNITS = {"": 1 << 20, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class BadMachine(Exception):
    """What was asked for can't be emulated; the text says why."""


def board_data(board):
    """The KEY := value lines of boards/BOARD/board.mk, as a dict."""
    path = f"{TOP}/boards/{board}/board.mk"
    try:
        with open(path) as f:
            return dict(re.findall(r"^(\w+)\s*:=\s*(.*?)\s*$", f.read(), re.M))
    except FileNotFoundError:
        known = ", ".join(sorted(os.listdir(f"{TOP}/boards")))
        raise BadMachine(f"no board '{board}': there are {known}") from None


def parse_bytes(text):
    """'256M' -> bytes; a bare number is MiB, as for QEMU's own -m."""
    match = re.fullmatch(r"(\d+)([KMGT]?)B?", text.upper())
    if not match or not int(match[1]):
        raise BadMachine(f"'{text}' is no size of memory: write 8M, 1536M, 16G")
    return int(match[1]) * UNITS[match[2]]


def parse_count(what, text):
    if not str(text).isdigit() or int(text) < 1:
        raise BadMachine(f"{what}={text}: a number from 1 up is wanted")
    return int(text)


def _major(program):
    """The first number of a QEMU's version; 0 if there is no such program."""
    try:
        done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True)
    except OSError:
        return 0
    match = re.search(r"version (\d+)", done.stdout)
    return int(match[1]) if match else 0


def needs_qemu10(board, mem):
    """Has @board, with so much memory, some that only QEMU 10 can reach?"""
    data = board_data(board)
    above = data.get("QEMU10_ABOVE")
    return bool(above) and parse_bytes(mem or data["QEMU_MEM"]) > parse_bytes(above)


def emulator(board, mem):
    """The program that emulates @board with so much memory."""
    own = board_data(board)["QEMU_SYSTEM"]
    if not needs_qemu10(board, mem) or _major(own) >= 10:
        return own
    fetched = f"{TOP}/build/qemu10/usr/bin/{own}"
    if not os.path.exists(fetched):
        raise BadMachine(f"{board} with {mem} needs QEMU 10: tools/setup qemu10 fetches it")
    return fetched


def _memory(bytes_, nodes, smp):
    """Arguments for the memory, on one node or spread evenly over several."""
    if nodes == 1:
        return ["-object", f"memory-backend-ram,id=ram0,size={bytes_},reserve=off"]
    if smp % nodes:
        raise BadMachine(f"NUMA={nodes} needs a number of harts that is a multiple of it, not {smp}")
    if bytes_ % (nodes << 20):
        raise BadMachine(f"NUMA={nodes} needs memory that divides into {nodes} parts of whole MiB")
    args = []
    each = smp // nodes
    for n in range(nodes):
        args += ["-object", f"memory-backend-ram,id=ram{n},size={bytes_ // nodes},reserve=off",
                 "-numa", f"node,nodeid={n},memdev=ram{n},cpus={n * each}-{n * each + each - 1}"]
    for a in range(nodes):
        for b in range(a):
            args += ["-numa", f"dist,src={a},dst={b},val=20"]
    return args


def command(board, kernel=None, smp="", mem="", cpu="", numa="", append="", qemu="", bios="",
            dtb="", gdb=False, extra=()):
    """The argument list that starts @board; empty strings mean the board's default.

    Raises BadMachine if the board has no emulator or can't be had like this."""
    data = board_data(board)
    if "QEMU_MACHINE" not in data:
        raise BadMachine(f"{board} has no emulator: see boards/{board}/README.md for how to start "
                         "it on the board itself")
    harts = parse_count("SMP", smp or data["QEMU_SMP"])
    nodes = parse_count("NUMA", numa or 1)
    bytes_ = parse_bytes(mem or data["QEMU_MEM"])
    machine = data["QEMU_MACHINE"]
    if nodes == 1:
        machine += ",memory-backend=ram0"
    args = [qemu or emulator(board, mem), "-M", machine, "-smp", str(harts),
            "-m", f"{bytes_ >> 10}K"]
    args += _memory(bytes_, nodes, harts)
    if cpu:
        args += ["-cpu", cpu]
    if bios or "QEMU_BIOS" in data:
        args += ["-bios", bios or data["QEMU_BIOS"]]
    if dtb or "QEMU_DTB" in data:
        args += ["-dtb", dtb or data["QEMU_DTB"]]
    args += shlex.split(data["QEMU_CONSOLE"])
    args += ["-kernel", kernel or f"build/{board}/Image"]
    if append:
        args += ["-append", append]
    if gdb:
        args += ["-s", "-S"]
    return args + list(extra)


def main():
    parser = argparse.ArgumentParser(description="start a board in QEMU")
    for name in ("smp", "mem", "cpu", "numa", "append", "qemu", "bios", "dtb"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--board", default="qemu-virt")
    parser.add_argument("--kernel")
    parser.add_argument("--gdb", action="store_true", help="wait for a debugger on port 1234")
    parser.add_argument("--print", action="store_true", help="print the command, don't run it")
    parser.add_argument("--setup", action="store_true",
                        help="print which groups of tools/setup it needs beside run, don't run it")
    parser.add_argument("extra", nargs="*", help="more arguments for QEMU, after --")
    args = vars(parser.parse_args())
    only_print = args.pop("print")
    if args.pop("setup"):
        print("qemu10" if needs_qemu10(args["board"], args["mem"]) else "")
        return
    try:
        line = command(**args)
    except BadMachine as why:
        sys.exit(f"qemu.py: {why}")
    if only_print:
        print(shlex.join(line))
        return
    print("QEMU waits for `make gdb` in another terminal; Ctrl-A X leaves" if args["gdb"]
          else "Ctrl-A X leaves QEMU", flush=True)
    try:
        os.execvp(line[0], line)
    except FileNotFoundError:
        sys.exit(f"qemu.py: {line[0]} is not installed: tools/setup run")


if __name__ == "__main__":
    main()
