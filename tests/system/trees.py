# SPDX-License-Identifier: BSD-2-Clause
"""trees.py - device trees for QEMU: its own one, with a change of ours

QEMU writes the tree of a machine (dumpdtb), dtc makes source of it, our change is
appended as one more root node, and dtc merges the two: so a file in tests/dts/qemu says
only what differs, and fits the tree of every version of QEMU.
"""

import functools
import os
import pathlib
import re
import subprocess
import tempfile

import machine
import qemu  # tools/qemu.py

CHANGES = machine.TOP / "tests" / "dts" / "qemu"
OUT = machine.TOP / "build" / "system"


def run(*command, stdin=None):
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True,
                          cwd=machine.TOP)
    assert done.returncode == 0, f"{command}: {done.stderr.decode(errors='replace')}"
    return done.stdout


@functools.cache
def own_source(board, smp="", mem="", numa="", aia=""):
    """The source of the tree that QEMU makes for this machine.  @aia: of QEMU's -M virt."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUT) as tmp:
        blob = pathlib.Path(tmp, "own.dtb")
        args = qemu.command(board, kernel=os.devnull, smp=smp, mem=mem, numa=numa,
                            qemu=machine.emulator(board))
        args[args.index("-M") + 1] += (f",aia={aia}" if aia else "") + f",dumpdtb={blob}"
        kernel = args.index("-kernel")
        del args[kernel:kernel + 2]
        run(*args)
        return run("dtc", "-q", "-I", "dtb", "-O", "dts", blob).decode()


def compile_tree(name, source):
    """Compile @source into build/system/NAME.dtb; returns the path."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.dtb"
    path.write_bytes(run("dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-", stdin=source.encode()))
    return path


def change_of(name):
    """tests/dts/qemu/NAME.dtsi, and the entries of the /memreserve/ list in it."""
    text = (CHANGES / f"{name}.dtsi").read_text()
    reserved = re.findall(r"^/memreserve/.*;$", text, re.M)
    return re.sub(r"^/memreserve/.*;$", "", text, flags=re.M), reserved


def changed(name, change, reserved=(), board="qemu-virt", **options):
    """The blob of QEMU's own tree with @change merged in, as build/system/NAME.dtb."""
    own = own_source(board, **options)
    own = own.replace("/dts-v1/;", "/dts-v1/;\n" + "\n".join(reserved), 1)
    return compile_tree(name, own + "\n" + change)


def from_file(name, board="qemu-virt", **options):
    """The blob of QEMU's own tree with tests/dts/qemu/NAME.dtsi merged in."""
    change, reserved = change_of(name)
    return changed(name, change, reserved, board, **options)
