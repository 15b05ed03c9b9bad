#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""bench.py - count the instructions of the kernel's operations

    bench.py [--board qemu-virt] [--out build/bench.json] [--record] [KEY...]

Looks at the disassembly of the allocators' hits, which must have no atomic operation and no
fence in them, and runs the host's replay of a long time (tests/host/replay.c).
Boots the default Image under QEMU's -icount with one hart, where the counter of
retired instructions is exact and a run repeats to the instruction, and asks the
shell's `bench`; boots it again with each size of memory for the boot_* keys.
KEY_plain is KEY in a kernel without hardening, and a table shows what each option of the
small-object allocator costs: for these other kernels are built (bench_builds.py).
rv32_KEY is KEY on qemu-virt32: some of these are counted beside qemu-virt's, all of them with
--board qemu-virt32.
Prints a table and writes {"KEY": {"measured": N, "target": N, "linux": N}, ...},
with that other table as "options", and "machine" naming the versions of QEMU and
OpenSBI that counted.  A key without a target or a figure of Linux's has null there.

tests/bench/baseline.json has the figures as last recorded (--record writes them), with the
compiler and the firmware that they hold for.  A key that is more than 2 % worse is a
regression: it is named, and the exit status is 1.  A target that is missed is named too,
but fails nothing: the later parts of the design are to meet it.

linux: 6.12.117 for riscv64, gcc 12 -O2, SLUB, without debugging options, counted the
same way on the same machine.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys

from elftools.elf.elffile import ELFFile

import bench_builds
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
    "page_worst": (1500, None),
    "page_worst_fragmented": (1500, None),
    "page_worst_min": (1500, None),
    "page_worst_fresh": (1500, None),
    "page_worst_forced": (1500, None),
    "page_contention": (20, None),  # zone locks for 1,000 operations on the worst hart
    "spinlock_pair": (20, None),
    "mutex_pair": (40, None),
    "yield_switch": (200, 816),
    "wake_switch_back": (900, None),
    "thread_pair": (3000, None),
    "timer_interrupt": (600, None),
    "kmap_local_pair": (40, None),  # in a kernel with HIGHMEM, as kmap_pair
    "kmap_pair": (None, None),
    "ipi_call": (None, None),  # nanoseconds, of whatever machine QEMU runs on
}
# Of small objects: without hardening (KEY_plain), and Linux.  With it HARDENED more.
SLAB_FIGURES = {
    "kmalloc64_pair": (40, 145),
    "kmalloc_var_pair": (48, 169),
    "kmalloc4096_pair": (45, 147),
    "kmem_cache192_pair": (36, 147),
    "kmalloc64_batch1000": (60, 222),
    "kmem_cache192_batch1000": (60, 262),
    "kmem_cache_bulk192_1000": (24, 128),
}
HARDENED, PLAIN = 15, "_plain"
for _key, (_target, _linux) in SLAB_FIGURES.items():
    FIGURES[_key] = (_target + HARDENED, _linux)
    FIGURES[_key + PLAIN] = (_target, _linux)
FIGURES |= {
    "kmem_cache192_fresh1000": (None, None),
    "kmalloc64_remote": (60, None),  # on both harts together
    "kmem_cache192_remote": (60, None),
    "slab_remote_locks": (20, None),  # for 1,000 objects
    "slab_contention": (20, None),  # locks for 1,000 operations
    "kmem_cache_kept": (0, None),  # pages
    "kmalloc_waste": (120, None),  # of 1,000; Linux: what its classes alone lose, at least
    "usercopy_check": (None, None),
    "vmalloc4k_pair": (None, None),
    "vmalloc16k_pair": (600, 4434),
    "vmalloc64k_pair": (1300, 10_337),
    "vmalloc1m_pair": (6000, 128_863),
    "vmalloc1m_single_pair": (12_000, None),  # where no two pages in a row are free
    "vmap64k_pair": (None, None),
}
RV64_BOARD, RV32_BOARD, RV32 = "qemu-virt", "qemu-virt32", "rv32_"
# Of rv32, when all of rv64 are counted.
BOTH = ["boot_256M", "page0_pair", "page3_pair", "kmalloc64_pair", "kmem_cache192_pair",
        "kmap_local_pair", "kmap_pair", "vmalloc4k_pair", "vmalloc16k_pair", "vmalloc64k_pair",
        "vmalloc1m_pair", "vmalloc1m_single_pair", "vmap64k_pair"]
HIGH = ("kmap_local_pair", "kmap_pair")
LARGE = ("boot_4G", "boot_8G", "boot_16G", "kmalloc_waste")  # more memory than QEMU 7.2's rv32 has
MORE_IS_BETTER = {"free_at_8M_kb"}
DIFFERS = {"ipi_call", "page_contention", "slab_contention"}  # from run to run
TOLERANCE = 0.02
# Sections are padded to pages: one byte more can be two pages more.
SLACK = {"image_bytes": 2 * 4096}
BASELINE = f"{qemu.TOP}/tests/bench/baseline.json"
ICOUNT = ["-icount", "shift=0,sleep=off", "-seed", "1", "-no-reboot"]


# What is off by default, and costs something for each page when it's on.
OPTIONS = ("page_poison=on", "page_owner=on", "debug_guardpage_minorder=1", "init_on_alloc=on",
           "init_on_free=on")
OBJDUMP = "riscv64-unknown-elf-objdump"
OPTION_KEYS = ["kmalloc64_pair", "kmem_cache192_pair", "kmalloc64_batch1000",
               "kmem_cache192_fresh1000"]
FRESH = "page_worst_fresh"  # the first key of its boot
HARTS = (1, 2, 4, 8)
# What a hit of alloc_pages() and __free_pages() runs, whatever the compiler knows of its arguments,
# and of kmalloc(), kfree(), kmem_cache_alloc(), kmem_cache_free().
HITS = ("slab_alloc", "__kmalloc", "kfree", "kmem_cache_free", "kmem_cache_alloc_bulk",
        "kmem_cache_free_bulk",
        "__alloc_page_key", "__alloc_pages_key", "__alloc_pages", "__free_page_small",
        "__free_pages_small", "__free_pages_any")
# What leads out of them: a lock and its release are an amo and two fences.
MISSES = ("refill", "stack_put", "slab_take", "slab_give", "slab_new",
          "alloc_empty", "pcp_refill", "pcp_put", "alloc_special", "free_large", "free_unlisted",
          "free_block", "alloc_slow", "pcp_trim")
ATOMIC = re.compile(r"^\s*[0-9a-f]+:\s+((amo|lr\.|sc\.|fence)\S*.*)", re.M)


class Failed(Exception):
    """A machine did not do what was asked; the text ends with what it printed."""


def asked_for(board):
    """QEMU= of the command line, if it is for harts of @board's width."""
    asked = os.environ.get("QEMU", "")
    own = qemu.board_data(board)["QEMU_SYSTEM"]
    return asked if asked.endswith("riscv32") == own.endswith("riscv32") else ""


def boot(board, mem, commands, timeout, smp="1", extra=ICOUNT, append="", kernel=None):
    """The console of @smp harts with @mem memory that runs shell @commands and powers off."""
    line = qemu.command(board, smp=smp, mem=mem, append=f'nokaslr {append} run="{commands}"',
                        extra=extra, kernel=kernel, qemu=asked_for(board))
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
    match = re.search(pattern, out, re.M)
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
        small = "QEMU10_ABOVE" in qemu.board_data(board)
        return key in wanted if wanted else not (small and key in LARGE)

    measured, folder = {}, f"{qemu.TOP}/build/{board}"
    machine = {"opensbi": find(r"OpenSBI v(\S+)", boot(board, "32M", "harts", 60), "OpenSBI")}
    if want("image_bytes"):
        measured["image_with_suites_bytes"] = os.path.getsize(f"{folder}/Image")
        measured["image_file_bytes"], measured["image_bytes"] = bench_builds.image_bytes(board)
    if want("struct_page_bytes"):
        measured["struct_page_bytes"] = struct_page_bytes(f"{folder}/hartwood")
    if want("free_at_8M_kb"):
        out = boot(board, "8M", "dmesg", 60)
        measured["free_at_8M_kb"] = int(find(r"(\d+) KiB free", out, "free memory"))
    for key in FIGURES:
        if key.startswith("boot_") and want(key):
            out = boot(board, key[5:], "dmesg", 60)
            measured[key] = int(find(r"(\d+) instructions from _start", out, "count of the boot"))
    if want("ipi_call"):
        out = boot(board, "256M", "bench ipi_call", 60, smp="2", extra=["-no-reboot"])
        measured["ipi_call"] = int(find(r"^bench ipi_call (\d+)", out, "figure of ipi_call"))
    if want("page_contention"):
        measured["page_contention"] = contention(board)
    if want("slab_contention"):
        measured["slab_contention"] = slab_contention(board)
    if want("kmalloc_waste"):
        out = boot(board, "4G", "bench kmalloc_waste", 120)
        measured["kmalloc_waste"] = int(find(r"^bench kmalloc_waste (\d+)", out, "waste"))
        FIGURES["kmalloc_waste"] = (FIGURES["kmalloc_waste"][0],
                                    int(find(r"^waste of coarse classes (\d+)", out, "waste")))
    if plain := [key for key in FIGURES if key.endswith(PLAIN) and want(key)]:
        kernel = f"{qemu.TOP}/{bench_builds.plain(board)}/Image"
        keys = [key.removesuffix(PLAIN) for key in plain]
        measured |= {key + PLAIN: n for key, n in count(board, keys, kernel=kernel).items()}
    if high := [key for key in HIGH if want(key)]:
        measured |= count(board, high, kernel=bench_builds.highmem(board), append="lowmem=64M")
    if want(FRESH):
        out = boot(board, "256M", f"bench {FRESH}", 60)
        measured[FRESH] = int(find(rf"^bench {FRESH} (\d+)", out, f"figure of {FRESH}"))
    keys = [key for key in wanted if key not in measured]
    if keys or not wanted:
        measured = count(board, keys) | measured
    line = asked_for(board) or qemu.board_data(board)["QEMU_SYSTEM"]
    machine["qemu"] = first_line(line, "--version", r"version (\S+)")
    machine["compiler"] = compiler(f"{folder}/hartwood")
    return measured, machine


def measure_all(board, wanted):
    """The same of @board, and of rv32 what is wanted by that name, or belongs beside rv64."""
    wanted = [RV32 + key if board == RV32_BOARD and not key.startswith(RV32) else key
              for key in wanted]
    on_rv32 = [key.removeprefix(RV32) for key in wanted if key.startswith(RV32)]
    others = [key for key in wanted if not key.startswith(RV32)]
    measured, machine = {}, {}
    if others or not wanted and board != RV32_BOARD:
        measured, machine = measure(board, others)
    if on_rv32 or not wanted and board in (RV64_BOARD, RV32_BOARD):
        of_rv32 = measure(RV32_BOARD, on_rv32 or (BOTH if board == RV64_BOARD else []))
        for mine, found in zip((measured, machine), of_rv32):
            mine |= {RV32 + what: value for what, value in found.items()}
    return measured, machine


def count(board, keys, kernel=None, append=""):
    """{key: number} of @keys, an empty list means all."""
    out = boot(board, "256M", " ".join(["bench", *keys]), 600, kernel=kernel, append=append)
    found = {k: int(n) for k, n in re.findall(r"^bench (\w+) (\d+)$", out, re.M)}
    failed = re.findall(r"^bench (\w+) failed", out, re.M) + [k for k in keys if k not in found]
    if failed:
        raise Failed("these gave no figure: " + " ".join(failed) + f"\n{out[-2000:]}")
    return found


def slab_contention(board):
    """Print which locks harts take for small objects, by pattern; the worst figure."""
    rows = {}
    for harts in HARTS:
        out = boot(board, "1G", "bench slab_contention", 600, smp=str(harts), extra=["-no-reboot"])
        for pattern, n in re.findall(r"^slabs (\S+) \d+ (\d+)$", out, re.M):
            rows.setdefault(pattern, {})[harts] = int(n)
        find(r"^bench slab_contention (\d+)", out, "figure of slab_contention")
    print("locks of caches and zones for 1,000 operations with small objects, by harts:")
    print(f"{'':18}" + "".join(f"{n:>6}" for n in HARTS))
    for pattern, by_harts in rows.items():
        print(f"{pattern:18}" + "".join(f"{by_harts.get(n, '-'):>6}" for n in HARTS))
    return max(n for by_harts in rows.values() for n in by_harts.values())


def contention(board):
    """Print what harts take zones' locks for, by pattern; the worst figure."""
    rows = {}
    for harts in HARTS:
        out = boot(board, "1G", "bench page_contention", 600, smp=str(harts), extra=["-no-reboot"])
        for line in re.findall(r"^contention (.*)$", out, re.M):
            pattern, _, _, *figures = line.split()
            rows.setdefault(pattern, {})[harts] = [int(n) for n in figures]
        find(r"^bench page_contention (\d+)", out, "figure of page_contention")
    print("zone locks for 1,000 operations on the worst of so many harts; and with most harts, in "
          "all,\nthe same by tickets, refills, drains, stolen blocks, IPIs:")
    print(f"{'':18}" + "".join(f"{n:>6}" for n in HARTS) + "   tickets refills  drains  steals    IPIs")
    for pattern, by_harts in rows.items():
        most = [by_harts[n][0] if n in by_harts else None for n in HARTS]
        print(f"{pattern:18}" + "".join(f"{'-' if n is None else n:>6}" for n in most) + "  "
              + "".join(f"{n:8}" for n in by_harts[max(by_harts)][1:]))
    return max(figures[0] for by_harts in rows.values() for figures in by_harts.values())


def atomics(elf, name):
    """How many instructions function @name of @elf has, and those that are atomic, or fences."""
    objdump = OBJDUMP if shutil.which(OBJDUMP) else "llvm-objdump"
    flag = "--disassemble" if objdump == OBJDUMP else "--disassemble-symbols"
    done = subprocess.run([objdump, "-d", "--no-show-raw-insn", f"{flag}={name}", elf],
                          capture_output=True, text=True, check=True)
    return (len(re.findall(r"^\s*[0-9a-f]+:\s", done.stdout, re.M)),
            [m[0] for m in ATOMIC.findall(done.stdout)])


def hits(board):
    """Print the atomic operations and fences of each path; a hit must have none."""
    elf, found = f"{qemu.TOP}/build/{board}/hartwood", []
    for name in HITS + MISSES:
        length, bad = atomics(elf, name)
        if not length and name in HITS:
            raise Failed(f"{elf} has no {name}")
        fences = sum(x.startswith("fence") for x in bad)
        if length:
            print(f"{'hit ' if name in HITS else 'miss'} {name}: {length} instructions, "
                  f"{len(bad) - fences} amo, lr, sc, {fences} fences")
        if name in HITS:
            found += [f"{name}: {x}" for x in bad]
    if found:
        raise Failed("a hit isn't free of atomics: " + "; ".join(found))


def options(board, plain):
    """Print what a page costs with each option of OPTIONS on."""
    for option in OPTIONS:
        out = boot(board, "256M", "bench page0_pair", 120, append=option)
        pair = int(find(r"^bench page0_pair (\d+)", out, "figure of page0_pair"))
        print(f"page0_pair with {option}: {pair:,}, {pair - plain:,} more")


def slab_options(board):
    """Print what an object costs with each option of its allocator; {what: {column: number}}."""
    rows = dict(bench_builds.option_table(
        board, lambda kernel, argument: count(board, OPTION_KEYS, kernel, argument)))
    base = rows["default"]
    print("with each option of small objects, and the difference to the default:")
    print(f"{'':34}" + "".join(f"{column:>24}" for column in base))
    for what, row in rows.items():
        print(f"{what:34}" + "".join(f"{n:>14,}{n - base[column]:>+10,}"
                                     for column, n in row.items()))
    return rows


def replay():
    """How torn memory is after a long time: prints what the host's replay found."""
    program = f"{qemu.TOP}/build/host/replay"
    if not os.path.exists(program):
        return
    out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    print("per cent of free memory (movable: of free and movable) in blocks of order 3, 6, 9:")
    for kind, what, rest in re.findall(r"^# replay (\w+) ([\w-]+):? (.*)$", out, re.M):
        print(f"  {kind:6}{what:16}{rest}")


def first_line(program, option, pattern):
    done = subprocess.run([program, option], capture_output=True, text=True, check=True)
    return find(pattern, done.stdout, f"version of {program}")


def compiler(elf):
    """What the kernel was compiled with, as the debugging information has it."""
    with open(elf, "rb") as f:
        for unit in ELFFile(f).get_dwarf_info().iter_CUs():
            producer = unit.get_top_DIE().attributes["DW_AT_producer"].value.decode()
            if match := re.match(r"GNU C\d+ (\S+)|(clang version \S+|.*clang \S+)", producer):
                return f"gcc {match[1]}" if match[1] else match[2]
    raise Failed(f"{elf}: no compiler is named")


def bare(key):
    return key.removeprefix(RV32)


def prefix(key):
    """Of what is said of the machine that counts @key."""
    return RV32 if key.startswith(RV32) else ""


def figures_for(key):
    """(target, Linux); Linux was counted on rv64 alone."""
    target, linux = FIGURES.get(bare(key), (None, None))
    return target, None if prefix(key) else linux


def met(key, number, target):
    key = bare(key)
    return number >= target if key in MORE_IS_BETTER else number <= target


def read_baseline():
    try:
        with open(BASELINE) as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def recorded_for(key, machine, baseline):
    """The recorded figure of @key, or None if it doesn't hold for this compiler or firmware."""
    then = baseline.get("machine", {})
    depends = ("compiler", "opensbi", "qemu") if bare(key).startswith("boot_") else ("compiler",)
    if any(then.get(prefix(key) + x) != machine.get(prefix(key) + x) for x in depends):
        return None
    return baseline["figures"].get(key)


def kept(machine, baseline):
    """What of @baseline stays when figures of @machine are recorded."""
    then = baseline.get("machine", {})
    changed = {prefix(what) for what, version in machine.items() if then.get(what) != version}
    return {key: n for key, n in baseline.get("figures", {}).items() if prefix(key) not in changed}


def regressed(key, number, recorded):
    key = bare(key)
    if recorded is None or key in DIFFERS:
        return False
    if key in MORE_IS_BETTER:
        return number < recorded * (1 - TOLERANCE)
    return number > recorded * (1 + TOLERANCE) + SLACK.get(key, 0)


def table(measured, machine, baseline):
    """Print it; returns the keys that regressed."""
    worse, missed = [], []
    print(f"{'':26}{'measured':>12}{'target':>12}{'recorded':>12}{'ratio':>8}{'Linux':>14}{'ratio':>9}")
    order = {key: n for n, key in enumerate(FIGURES)}
    for key in sorted(measured, key=lambda k: (prefix(k), order.get(bare(k), len(order)), k)):
        number = measured[key]
        target, linux = figures_for(key)
        recorded = recorded_for(key, machine, baseline)
        notes = []
        if target is not None and not met(key, number, target):
            missed.append(key)
            notes.append("misses the target")
        if regressed(key, number, recorded):
            worse.append(key)
            notes.append("REGRESSION")
        columns = [f"{key:26}{number:12,}"]
        columns += [f"{'-' if n is None else f'{n:,}':>12}" for n in (target, recorded)]
        columns += [f"{number / recorded:8.3f}" if recorded else f"{'-':>8}"]
        columns += [f"{'-' if linux is None else f'{linux:,}':>14}"]
        columns += [f"{linux / number:8.1f}x" if linux and number else f"{'-':>9}"]
        print("".join(columns) + ("  " + ", ".join(notes) if notes else ""))
    print(f"{len(missed)} targets missed" + (": " if missed else "") + " ".join(missed))
    return worse


def write_json(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as f:
        json.dump(data, f, indent=1)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description="count instructions of kernel operations")
    parser.add_argument("--board", default="qemu-virt")
    parser.add_argument("--out", default="build/bench.json")
    parser.add_argument("--record", action="store_true",
                        help="these figures are what later ones are held against")
    parser.add_argument("keys", nargs="*")
    args = parser.parse_args()
    costs = None
    try:
        if not args.keys:
            hits(args.board)
            replay()
        measured, machine = measure_all(args.board, args.keys)
        if not args.keys:
            options(args.board, measured[(RV32 if args.board == RV32_BOARD else "") + "page0_pair"])
            costs = slab_options(args.board)
    except (Failed, bench_builds.Failed, qemu.BadMachine) as why:
        sys.exit(f"bench: {why}")
    baseline = read_baseline()
    worse = table(measured, machine, baseline)
    result = {key: dict(zip(("measured", "target", "linux"),
                            (number, *figures_for(key))))
              for key, number in measured.items()}
    write_json(args.out, {**result, **({"options": costs} if costs else {}), "machine": machine})
    for which in sorted({prefix(key) for key in measured}):
        said = {what: machine[which + what] for what in ("qemu", "opensbi", "compiler")}
        print(f"{which.removesuffix('_') or args.board}: counted by QEMU {said['qemu']} with OpenSBI "
              f"{said['opensbi']}, compiled by {said['compiler']}")
    print(f"{args.out} written")
    if args.record:
        write_json(BASELINE, {"machine": baseline.get("machine", {}) | machine,
                              "figures": kept(machine, baseline) | measured})
        print(f"recorded in {os.path.relpath(BASELINE, qemu.TOP)}")
    elif worse:
        sys.exit(f"bench: more than {TOLERANCE:.0%} worse than recorded: " + " ".join(worse))


if __name__ == "__main__":
    main()
