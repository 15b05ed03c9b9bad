# SPDX-License-Identifier: BSD-2-Clause
"""Page debugging: with the boot arguments on, everything still works, and mistakes are named.

`pagebug KIND` makes each mistake; what the console says must name the page, what is wrong with
it, and who allocated and freed it.
"""

import re

import pytest

import checks
import ktap

OWNER = "page_owner=on"
ALL = f"{OWNER} page_poison=on debug_pagealloc=on init_on_alloc=1"
MACHINES = {
    "1hart-8M": dict(smp=1, mem="8M"),
    "4harts": dict(smp=4, mem="256M"),
    "8harts": dict(smp=8, mem="128M"),
    "numa": dict(smp=4, mem="1G", numa=2),
    "sv39": dict(smp=2, mem="128M", append="paging=sv39"),
    "rv32": dict(board="qemu-virt32", smp=4, mem="256M"),
}
# One machine runs all suites; the others those about pages and what takes them.
ABOUT_PAGES = ("page_alloc", "page_debug", "folio", "kstack", "memremap", "paging", "pgtable",
               "thread", "zones")


def options(name, arguments):
    chosen = dict(MACHINES[name])
    chosen["append"] = " ".join(filter(None, [chosen.get("append"), arguments]))
    return chosen


@pytest.mark.parametrize("name", MACHINES)
def test_suites_with_everything_on(machine, name):
    m = machine(**options(name, ALL))
    assert "on: page_owner page_poison debug_pagealloc init_on_alloc" in m.transcript
    every = name == "4harts"
    suites = checks.suites_pass(m, *() if every else ABOUT_PAGES, every=every)
    skipped = {c.name for c in suites["page_debug"].cases if c.skip}
    assert skipped == {"init-free", "behind"}
    assert m.poweroff() == 0


def test_init_on_free(machine):
    m = machine(smp=2, mem="64M", append="init_on_free=1")
    suites = checks.suites_pass(m, "page_debug", "page_alloc")
    assert not [c for c in suites["page_debug"].cases if c.name == "init-free" and c.skip]
    assert m.poweroff() == 0


def test_off(machine):
    """Without an argument there is no table and nobody is told anything."""
    m = machine(smp=2, mem="64M")
    assert "page_debug" not in m.transcript
    assert any("page_owner=on turns it on" in line for line in m.run("page_owner"))
    assert m.poweroff() == 0


def test_bad_arguments(machine):
    m = machine(smp=1, mem="64M", append="page_poison=maybe page_owner=off page_poison=1")
    assert 'page_poison="maybe" is not usable' in m.transcript
    assert "page_debug: on: page_poison\n" in m.transcript
    assert m.poweroff() == 0


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_a_leak_is_found(machine, board):
    m = machine(board=board, smp=2, mem="64M", append=OWNER)
    assert "bug_leak" not in "\n".join(m.run("page_owner"))
    m.run("pagebug leak")
    lines = m.run("page_owner")
    leak = next(line for line in lines if "bug_leak" in line)
    assert re.match(r" +14 +7  take_here\+0x\S+ < bug_leak\+0x\S+ < run_pagebug\+0x", leak)
    # The largest first; what is shown and the total agree.
    rows = [int(m[1]) for m in (re.match(r" *(\d+) +\d+  \S+\+0x", x) for x in lines) if m]
    assert rows == sorted(rows, reverse=True) and rows
    total, callers, others = map(int, re.search(r"(\d+) pages by (\d+) callers, (\d+) by others",
                                                "\n".join(lines)).groups())
    assert others == 0 and sum(rows) <= total and (callers > len(rows) or sum(rows) == total)
    assert m.poweroff() == 0


def test_picture(machine):
    m = machine(smp=1, mem="64M", append=OWNER)
    rows = [line for line in m.run("page_owner map") if re.match(r" +[0-9a-f]+ \|", line)]
    assert rows and set("".join(x.split("|")[1] for x in rows)) <= set(".RUMCTSumcts% r")
    assert any("R" in x for x in rows) and any("." in x for x in rows)
    assert m.poweroff() == 0


def story(lines, what, function):
    """The line that tells by whom a page was allocated or freed; returns its pfn."""
    text = "\n".join(lines)
    match = re.search(rf"{what} as pfn (0x[0-9a-f]+) order 0 .*by thread 1 on hart \d+: "
                      + function, text)
    assert match, text
    return match[1]


def test_bad_frees_name_both(machine):
    m = machine(smp=2, mem="64M", append=OWNER, may_panic=True)
    said = m.run("pagebug double-free")
    assert re.search(r"BUG: bad page state: free of pfn 0x[0-9a-f]+, order 0, by .* refused: "
                     r"it is page 0 of a block of order \d+ at pfn 0x[0-9a-f]+: free",
                     "\n".join(said))
    pfn = story(said, "allocated", "take_here.* < bug_double_free")
    assert story(said, "freed", "give_here.* < bug_double_free") == pfn
    assert [x for x in m.run(f"page_owner {pfn}") if "give_here" in x]

    said = m.run("pagebug flags")
    assert "flags locked|dirty, refcount 1" in "\n".join(said)
    story(said, "allocated", "take_here.* < bug_flags")
    checks.suites_pass(m, "page_alloc")
    assert m.poweroff() == 0


@pytest.mark.parametrize("arguments", [ALL, f"{OWNER} page_poison=1", "page_poison=on"])
def test_writes_to_free_pages(machine, arguments):
    m = machine(smp=2, mem="64M", append=arguments, may_panic=True)
    said = m.run("pagebug write")
    assert re.search(r"free page pfn 0x[0-9a-f]+ was written to: bytes 0x10 to 0x10 hold 55, "
                     "expected aa", "\n".join(said))
    if OWNER in arguments:
        story(said, "freed", "give_here.* < write_free")
    said = m.run("pagebug bit")
    assert re.search(r"was written to, a single bit: bytes 0x10 to 0x10 hold ae", "\n".join(said))
    assert len(re.findall("was written to", m.transcript)) == 2
    assert m.poweroff() == 0


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
@pytest.mark.parametrize("owner", [OWNER, ""])
def test_access_to_a_free_page(machine, board, owner):
    m = machine(board=board, smp=2, mem="64M", append=f"debug_pagealloc=on panic=poweroff {owner}",
                may_panic=True)
    m.send("pagebug read\r")
    panic = m.panic()
    assert re.search(r"load page fault at pc 0x\S+, address 0x\S+: access to free page pfn 0x",
                     panic.sentence)
    if owner:
        story([panic.sentence], "freed", "give_here")
    assert panic.trace[0] == "bug_read"
    m.wait_exit()


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_guards_behind_blocks(machine, board):
    m = machine(board=board, smp=2, mem="64M", may_panic=True,
                append=f"debug_guardpage_minorder=3 panic=poweroff {OWNER}")
    cases = checks.suites_pass(m, "page_debug")["page_debug"].cases
    assert not [c for c in cases if c.name in ("behind", "guard") and c.skip]
    m.send("pagebug beyond\r")
    panic = m.panic()
    assert re.search(r"store page fault at .*: access to guard page pfn 0x\S+, allocated as pfn "
                     r"0x\S+ order 1 GFP_KERNEL at .*take_here", panic.sentence)
    assert panic.trace[0] == "bug_beyond"
    m.wait_exit()


def test_what_is_missed_without(machine):
    """The same mistakes go unnoticed where no argument asks: the tests above can fail."""
    m = machine(smp=1, mem="64M")
    for kind in ("write", "bit", "read"):
        assert [x for x in m.run(f"pagebug {kind}") if x] == []
    assert m.poweroff() == 0


def test_ktap_names_what_it_needs(machine):
    m = machine(smp=1, mem="64M")
    cases = ktap.parse(m.run("test page_debug"))["page_debug"].cases
    assert cases and all(c.skip and "=" in c.skip for c in cases)
    assert m.poweroff() == 0
