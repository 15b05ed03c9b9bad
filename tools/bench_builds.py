# SPDX-License-Identifier: BSD-2-Clause
"""bench_builds.py - kernels with other options than the default Image, for bench.py

Each has a folder of its own in build/bench/, which stays: only what changed is built again.
They have no suites, but for `bench`, so that their sizes compare.
"""

import os
import re
import subprocess

import qemu

# Kconfig options that make attacks harder; without all of them is "plain".
HARDENING = ("SLAB_FREELIST_HARDENED", "SLAB_FREELIST_RANDOM", "RANDOM_KMALLOC_CACHES", "KFENCE")
# Those for debugging: on in the default Image, off in it.
DEBUGGING = ("SLUB_DEBUG",)
DEVELOPMENT = ("DEBUG_KMEMLEAK", "KASAN")
# Arguments to the default Image, and to kernels with an option of DEVELOPMENT.
ARGUMENTS = ("kfence.sample_interval=100", "slub_debug=F", "slub_debug=Z", "slub_debug=P",
             "slub_debug=U", "slub_debug=FZPU", "init_on_alloc=on", "init_on_free=on")
MORE_ARGUMENTS = {"DEBUG_KMEMLEAK": ("kmemleak=on",)}


class Failed(Exception):
    """It can't be built; the text ends with what make printed."""


def write_if_new(path, text):
    if not os.path.exists(path) or open(path).read() != text:
        with open(path, "w") as f:
            f.write(text)


def build(board, name, options, *more):
    """Build @board's Image with @options (NAME: "y" or "n") on top of its own: the folder."""
    folder = f"build/bench/{board}-{name}"
    os.makedirs(f"{qemu.TOP}/{folder}", exist_ok=True)
    write_if_new(f"{qemu.TOP}/{folder}.config",
                 "".join(f"CONFIG_{key}={value}\n" for key, value in options.items()))
    # Those of a make that this was called by are meant for that one.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", f"-j{os.cpu_count()}", f"BOARD={board}", f"O={folder}",
                           f"ALSO={folder}.config", *more, f"{folder}/Image"],
                          cwd=qemu.TOP, env=env, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{folder}: {(done.stdout + done.stderr)[-2000:]}")
    return folder


def image_bytes(board):
    """
    Of an Image without suites and benchmarks that has all of the kernel, called or not: the file,
    and of it text, read-only data and the tables of symbols and relocations.
    """
    folder = f"{qemu.TOP}/" + build(board, "bare", {"KTAP": "n", "BENCH": "n"}, "KEEP_ALL=1")
    sections = subprocess.run(["riscv64-unknown-elf-readelf", "-SW", f"{folder}/hartwood"],
                              check=True, capture_output=True, text=True).stdout
    allocated = re.findall(r"\] (\S+) +PROGBITS +\S+ +\S+ +(\S+) \S+ +(W?AX?M?S?|A) ", sections)
    fixed = sum(int(size, 16) for name, size, flags in allocated
                if "W" not in flags or name == ".tables")
    return os.path.getsize(f"{folder}/Image"), fixed


def variant(board, name, **options):
    return build(board, name, {"KTAP": "n", **options})


def plain(board):
    """Without anything that makes attacks harder."""
    return variant(board, "plain", **{option: "n" for option in HARDENING})


def highmem(board):
    """An Image that uses high memory: the default one, where the board's does."""
    default = f"{qemu.TOP}/build/{board}"
    with open(f"{default}/.config") as f:
        if "CONFIG_HIGHMEM=y\n" in f.read():
            return f"{default}/Image"
    return f"{qemu.TOP}/{variant(board, 'highmem', HIGHMEM='y')}/Image"


def bytes_of(folder):
    """What the link put into the Image, without what pages are filled up with."""
    section = re.compile(r"^ *\.(?!bss|sbss|debug|comment|riscv|rela)\S+ +0x[0-9a-f]+ +"
                         r"(0x[0-9a-f]+) \S+(?:\.o|\.o\))(?= |$)", re.M)
    with open(f"{qemu.TOP}/{folder}/hartwood.map") as f:
        text = f.read().split("Linker script and memory map")[1]
    return sum(int(n, 16) for n in section.findall(re.sub(r"\n {8,}(?=0x)", " ", text)))


def option_table(board, count):
    """
    What each option costs: a list of (what, {column: number}), the default first.
    count(kernel, argument) gives the figures of a kernel that is booted with an argument.
    """
    rows = []

    def add(what, folder, argument=""):
        rows.append((what, {**count(f"{qemu.TOP}/{folder}/Image", argument),
                            "image_bytes": bytes_of(folder)}))

    default = variant(board, "default")
    add("default", default)
    add("without all hardening", plain(board))
    for option in HARDENING + DEBUGGING:
        add(f"without {option}", variant(board, f"no-{option}", **{option: "n"}))
    for argument in ARGUMENTS:
        add(argument, default, argument)
    for option in DEVELOPMENT:
        folder = variant(board, option, **{option: "y"})
        add(f"with {option}", folder)
        for argument in MORE_ARGUMENTS.get(option, ()):
            add(argument, folder, argument)
    return rows
