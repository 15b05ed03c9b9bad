# SPDX-License-Identifier: BSD-2-Clause
"""The shell as somebody at the console meets it: commands, nonsense, editing, boot arguments."""

import re

import pytest

import checks
import info
import ktap
from info import GIB, MIB

COMMANDS = ("bench", "buddyinfo", "cma", "compact", "crash", "dmesg", "dt", "extfrag", "harts",
            "help", "interrupts", "iomem", "kfence", "kfencebug", "meminfo", "memmap", "numactl",
            "numastat", "page_owner", "pagebug", "pagetypeinfo", "peek", "poweroff", "ps",
            "ptdump", "reboot", "slabbug", "slabinfo", "slabtop", "stress", "sysctl", "test", "tlb",
            "trace", "vmallocinfo", "vmstat", "zoneinfo")
HARTS_USAGE = "usage: harts [-t | off N | on N]"

# Arguments that make no sense to a command.
NONSENSE = {
    "bench": ["-x", "no_such_key"],
    "buddyinfo": ["1"],
    "crash": ["gently", "null null"],
    "dmesg": ["loud", "-n", "-n loud", "9", "1 2"],
    "dt": ["-x", "/a /b /c /d", "/no/such/node", "/ no-such-property"],
    "extfrag": ["1"],
    "harts": ["0", "off", "on x", "off 0", "off 99"],
    "help": ["no-such-command", "help help"],
    "interrupts": ["-v", "-m 10", "-m ten 0", "-m 10 99"],
    "iomem": ["-v"],
    "kfence": ["-v", "object"],
    "kfencebug": ["", "gently"],
    "meminfo": ["-k"],
    "memmap": ["--svg", "--raw x"],
    "numactl": ["ps", "--membind=0", "--membind=0, ps", "--membind=9 ps", "--bind=0 ps"],
    "numastat": ["-m"],
    "peek": ["", "here", "0x80000000 none", "0x1000 4 q", "0x1000 0", "0x1001 1 w",
             "0x1000 1 w x", "0x10000000000000000"],
    "poweroff": ["now"],
    "ps": ["all"],
    "ptdump": ["all"],
    "reboot": ["-f"],
    "slabbug": ["", "gently", "leak 2"],
    "slabinfo": ["-x", "no-such-cache", "-v kmalloc-64"],
    "slabtop": ["-x", "0", "many"],
    "stress": ["no_such_run"],
    "sysctl": ["-a", "vm.no_such_tunable", "vm.min_free_kbytes=", "vm.min_free_kbytes=much",
               "vm.min_free_kbytes=99999999999", "vm.min_free_kbytes 4096", "=1"],
    "test": ["-x", "no_such_suite"],
    "tlb": ["all"],
    "trace": ["loud"],
    "vmallocinfo": ["-x"],
    "vmstat": ["0", "often", "1 some", "1 1 1", "-s"],
    "zoneinfo": ["0"],
}


@pytest.fixture(scope="module")
def shell(module_machine):
    return module_machine(smp=2, mem="256M")


def test_help_lists_every_command(shell):
    listed = [line.split()[0] for line in shell.run("help") if re.match(r"[a-z_]+ {2,}", line)]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(shell, command):
    lines = shell.run(f"help {command}")
    assert lines[0].startswith(f"{command} - ")
    assert lines[1].startswith(f"usage: {command}")


@pytest.mark.parametrize("command,arguments",
                         [(c, a) for c, tries in NONSENSE.items() for a in tries])
def test_nonsense_is_answered(shell, command, arguments):
    """With usage, or with a sentence of the command; never by doing something."""
    lines = [x for x in shell.run(f"{command} {arguments}".strip()) if x]
    assert lines, "no answer"
    assert any(re.match(rf"usage: {command}|{command}: ", x) for x in lines), lines
    assert re.match(rf"sh: {command}: exit -\d+", lines[-1]), lines


@pytest.mark.parametrize("line", ["nosuch", "MEMINFO", "./harts"])
def test_unknown_command(shell, line):
    assert shell.run(line) == [f"sh: {line}: no such command; help lists them"]


def test_line_syntax(shell):
    assert shell.run("") == []
    assert shell.run("   ") == []
    assert shell.run('help "harts') == ["sh: a quote is not closed"]
    assert shell.run("x " * 40) == ["sh: more than 32 words"]
    two = shell.run("harts ; help harts;")
    assert two[0].startswith("cpu ") and two[-1] == HARTS_USAGE
    assert shell.run('help "harts"') == shell.run("help harts")
    assert shell.run('help "a;b"')[0] == "help: there is no command a;b"
    assert shell.run("help a\\;b")[0] == "help: there is no command a;b"


def test_meminfo_and_friends_are_printed(shell):
    assert info.meminfo(shell.run("meminfo"))["MemBanks"] == 256 * MIB
    assert info.zoneinfo(shell.run("zoneinfo")).zones
    assert info.buddyinfo(shell.run("buddyinfo"))
    assert info.iomem(shell.run("iomem"))
    assert len(info.harts(shell.run("harts"))) == 2
    assert info.ptdump(shell.run("ptdump"))


def test_counters_are_printed(shell):
    counts = dict(x.split() for x in shell.run("vmstat") if x)
    assert {"nr_free_pages", "pgalloc", "pgfree", "pgscan_kswapd", "numa_hit"} <= set(counts)
    lines = [x.split() for x in shell.run("vmstat 1 2") if x]
    assert len(lines) == 3 and {len(x) for x in lines[1:]} == {10}
    orders = len(info.buddyinfo(shell.run("buddyinfo"))[0][2])
    values = [float(x) for line in shell.run("extfrag") if line for x in line.split()[5:]]
    assert len(values) == 2 * orders and all(-1 <= x <= 1 for x in values)
    assert shell.run("numastat")[0].split() == ["node0"]


def test_tunables(machine):
    m = machine(smp=2, mem="256M", append="sysctl.vm.min_free_kbytes=4096 "
                "sysctl.vm.watermark_scale_factor=9999 sysctl.vm.lowmem_reserve_ratio=32,64")
    assert any('vm.watermark_scale_factor="9999" is refused (-34): it takes 1 number of 1 to 3000'
               in line for line in m.run("dmesg"))
    assert "vm.min_free_kbytes = 4096" in m.run("sysctl")
    assert m.run("sysctl vm.lowmem_reserve_ratio")[0].split()[2:5] == ["32", "64", "256"]
    marks = info.zoneinfo(m.run("zoneinfo")).zones[0].marks
    assert marks[0] == 4096 // 4
    assert m.run("sysctl vm.min_free_kbytes=8192") == ["vm.min_free_kbytes = 8192"]
    assert info.zoneinfo(m.run("zoneinfo")).zones[0].marks[0] == 2 * marks[0]
    assert m.poweroff() == 0


def test_nodes(machine):
    """What numastat counts adds up, and a command takes its pages where it was told to."""
    def numastat():
        rows = [x.split() for x in m.run("numastat")[1:] if x]
        return {row[0]: [int(n) for n in row[1:]] for row in rows}

    m = machine(smp=4, mem="512M", numa=2)
    shown = m.run("numactl")
    assert shown[0] == "available: 2 nodes (0-1)"
    assert {"node 0 cpus: 0 1", "node 1 cpus: 2 3"} <= set(shown)
    assert shown[-2].split() == ["0:", "10", "20"] and shown[-1].split() == ["1:", "20", "10"]
    checks.suites_pass(m, "numa", "page_alloc")
    before = numastat()
    m.run("numactl --interleave=0,1 memmap")
    m.run("numactl --membind=1 ps")
    after = numastat()
    assert after["numa_hit"][1] > before["numa_hit"][1]
    for node in range(2):
        assert (after["numa_hit"][node] + after["numa_miss"][node]
                == after["local_node"][node] + after["other_node"][node])
    assert sum(after["numa_miss"]) == sum(after["numa_foreign"])
    assert m.poweroff() == 0


def test_memmap_draws_each_zone(shell):
    lines = shell.run("memmap")
    assert re.match(r"Node 0, zone \w+: \d+ KiB a character", lines[0])
    rows = [x for x in lines if re.match(r" +[0-9a-f]+ \|.{64}\|$", x)]
    assert rows
    picture = "".join(x.split("|")[1] for x in rows)
    assert {"."} <= set(picture) <= set(".#Ro% ")
    assert picture.count(".") > len(picture) * 3 // 4, "most of a fresh machine is free"


def test_dt_walks_the_tree(shell):
    top = shell.run("dt /")
    assert any(x.startswith('model = "riscv-virtio,qemu";') for x in top)
    assert any(x.startswith("cpus {}") for x in top)
    assert shell.run("dt /memory@80000000 reg") == ["reg = <0x0 0x80000000 0x0 0x10000000>;"]
    deep = shell.run("dt -r /cpus")
    assert deep[0] == "cpus {" and deep[-1] == "};"
    assert sum(x.count("{") for x in deep) == sum(x.count("}") for x in deep)
    assert any("cpu@1 {" in x for x in deep)


def test_dmesg_levels(shell):
    everything = shell.run("dmesg")
    assert any("booted by OpenSBI" in x for x in everything)
    assert len(shell.run("dmesg 2")) < len(everything)
    assert shell.run("dmesg 0") == []


def test_peek(shell):
    text = next(x for x in info.ptdump(shell.run("ptdump")) if "x" in x.bits)
    words = shell.run(f"peek {text.va:#x} 4 w")[0].split()
    assert words[0] == f"{text.va:016x}:" and len(words) == 5
    bytes_ = shell.run(f"peek {text.va:#x} 16 b")[0].split()[1:]
    little = [int("".join(reversed(bytes_[i:i + 4])), 16) for i in range(0, 16, 4)]
    assert [int(w, 16) for w in words[1:]] == little
    assert "peek: nothing can be read at 0x0" in shell.run("peek 0")
    for width, bytes_ in ("h", 2), ("w", 4), ("d", 8):
        answer = shell.run(f"peek {text.va + 1:#x} 1 {width}")[0]
        assert answer == f"peek: {text.va + 1:#x} is not a multiple of {bytes_}"


def test_bench_lists_keys(shell):
    keys = [x.split()[0] for x in shell.run("bench -l") if x]
    assert {"page0_pair", "page4_pair", "page9_pair"} <= set(keys)
    assert re.fullmatch(r"bench page0_pair \d+", shell.run("bench page0_pair")[0])


def test_one_suite(shell):
    assert list(ktap.parse(shell.run("test printf"))) == ["printf"]


# ---- line editing ----

LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = (
    "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B", "\x1b[H", "\x1b[F", "\x1b[3~")
UNKNOWN = "sh: {}: no such command; help lists them"


@pytest.mark.parametrize("keys,line", [
    ("abd" + LEFT + "c", "abcd"),
    ("bc" + HOME + "a" + END + "d", "abcd"),
    ("axbc" + LEFT * 2 + "\x7f", "abc"),
    ("axbc" + HOME + RIGHT + DELETE, "abc"),
    ("wrong\x15right", "right"),
    ("keepdrop" + LEFT * 4 + "\x0b", "keep"),
    ("one two\x17\x7f", "one"),
    ("bc\x01\x01a\x05d", "abcd"),   # QEMU keeps one ^A for itself
    ("ab" + LEFT * 10 + "x" + RIGHT * 10 + "y", "xaby"),
    ("a\x1b[99~b", "ab"),
    ("z\x08y", "y"),
])
def test_editing(shell, keys, line):
    assert shell.run(keys) == [UNKNOWN.format(line)]


def test_long_line_scrolls_and_arrives_whole(shell):
    word = "".join(chr(ord("a") + i % 26) for i in range(200))
    assert shell.run(word)[-1].startswith(f"sh: {word}"[:100])


def test_history(shell):
    for word in ("first", "second", "third"):
        shell.run(word)
    assert shell.run(UP * 3) == [UNKNOWN.format("first")]
    shell.run("fourth")
    assert shell.run(UP * 2) == [UNKNOWN.format("first")]
    assert shell.run("draft" + UP + DOWN) == [UNKNOWN.format("draft")]


def test_control_c_gives_up_the_line(shell):
    shell.send("crash nul\x03")
    shell.expect("hartwood> ")
    assert shell.run("help harts")[-1] == HARTS_USAGE


def test_completion(shell):
    assert info.meminfo(shell.run("memi\t"))
    assert shell.run("help har\t")[-1] == HARTS_USAGE
    assert shell.run("dt /mem\t reg") == ["reg = <0x0 0x80000000 0x0 0x10000000>;"]
    shell.send("mem\t\t")
    shell.expect("meminfo")
    shell.expect("memmap")
    shell.run("\x15")


# ---- boot arguments ----

def boot_log(m):
    return m.run("dmesg")


def test_run_argument(machine):
    m = machine(boot=False, smp=2, mem="64M", append='run="harts; meminfo; test ktap"')
    assert m.wait_exit() == 0
    assert len(info.harts(m.lines)) == 2
    assert info.meminfo(m.lines)["MemBanks"] == 64 * MIB
    assert "# totals: " in m.transcript and "hartwood> " not in m.transcript


def test_unknown_arguments_are_named(machine):
    m = machine(smp=1, mem="64M", append="quiet root=/dev/vda mem=32M")
    log = boot_log(m)
    assert any('unknown argument "quiet"' in x for x in log)
    assert any('unknown argument "root"' in x for x in log)
    assert info.meminfo(m.run("meminfo"))["MemBanks"] == 32 * MIB
    assert m.poweroff() == 0


@pytest.mark.parametrize("argument", [
    "mem=lots", "mem=0", "maxcpus=0", "maxcpus=two", "paging=sv64", "loglevel=loud", "dma_zone=8",
    "dma_zone=28,", "panic=dance", "run="])
def test_bad_values_are_named(machine, argument):
    name, value = argument.split("=")
    m = machine(smp=1, mem="64M", append=argument)
    assert any(f'{name}="{value}" is not usable' in x for x in boot_log(m))
    assert info.meminfo(m.run("meminfo"))["MemBanks"] == 64 * MIB
    assert m.poweroff() == 0


@pytest.mark.parametrize("text,left", [("32M", 32 * MIB), ("100000K", 100000 << 10),
                                       ("0x4000000", 64 * MIB), ("1T", GIB)])
def test_mem(machine, text, left):
    m = machine(smp=1, mem="1G", append=f"mem={text}")
    assert info.meminfo(m.run("meminfo"))["MemBanks"] == left
    assert m.poweroff() == 0


@pytest.mark.parametrize("text,online", [("1", 1), ("3", 3), ("100", 4)])
def test_maxcpus(machine, text, online):
    m = machine(smp=4, mem="64M", append=f"maxcpus={text}")
    states = [h.state for h in info.harts(m.run("harts"))]
    assert len(states) == 4
    assert states.count("online") == online
    assert set(states) <= {"online", "offline"}
    assert m.poweroff() == 0


def test_loglevel(machine):
    quiet = machine(smp=1, mem="64M", append="loglevel=0")
    assert not any(re.match(r"\[ *\d+\.\d+\] ", x) for x in quiet.lines)
    assert any("booted by" in x for x in boot_log(quiet)), "the log has what isn't shown"
    assert quiet.poweroff() == 0
    loud = machine(smp=1, mem="64M", append="loglevel=6")
    normal = machine(smp=1, mem="64M")
    stamps = [sum(bool(re.match(r"\[ *\d+\.\d+\] ", x)) for x in m.lines) for m in (loud, normal)]
    assert stamps[0] >= stamps[1] > 0


@pytest.mark.parametrize("level", [2, 3, 4, 5])
def test_loglevel_is_a_bound(machine, level):
    """Messages below it are shown: a warning is 2, a notice 3, information 4."""
    m = machine(smp=1, mem="64M", append=f"loglevel={level} nonsense")
    lines = {2: 'unknown argument "nonsense"', 3: "booted by", 4: "1 of 1 harts usable"}
    shown = {own: any(text in x for x in m.lines) for own, text in lines.items()}
    assert shown == {own: own < level for own in lines}
    assert m.poweroff() == 0


def test_dma_zone_cuts(machine):
    m = machine(smp=1, mem="4G", append="dma_zone=32,33")
    assert checks.zone_spans(m) == [(2 * GIB, 4 * GIB), (4 * GIB, 6 * GIB)]
    assert m.poweroff() == 0


def test_dma_zone_below_ram_is_no_zone(machine):
    m = machine(smp=1, mem="1G", append="dma_zone=30")
    assert checks.zone_spans(m) == [(2 * GIB, 3 * GIB)]
    assert m.poweroff() == 0
