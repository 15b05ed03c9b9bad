# SPDX-License-Identifier: BSD-2-Clause
"""Slab debugging: chosen caches find what is done wrong, others work as ever.

`slabbug KIND` makes each mistake with an object of the cache `slabbug` (the last, of kmalloc); what
the console says must name the object, the bytes, and who allocated and who freed it.
"""

import re

import pytest

import checks
import ktap

CHOSEN = "slub_debug=FZPU,slabbug,kmalloc*-224"
BUGS = {
    "past-end": ("was written to behind its end",
                 [r"bytes 44 to 46 hold 41 41 41, expected cc; mended", r"^> +32: .*41 41 41 cc"]),
    "before-start": ("was written to before its start",
                     [r"bytes -2 to -2 hold 41, expected cc; mended", r"^> +-8: .*cc 41 cc"]),
    "after-free": ("was written to after it was freed",
                   [r"bytes 20 to 20 hold 41, expected 6b; mended", r"^> +16: 6b 6b 6b 6b 41 6b"]),
    "double-free": ("was freed before", []),
    "kmalloc": ("was written to behind its end",
                [r"bytes 224 to 224 hold 41, expected cc; mended"]),
}
ALWAYS_FREED = ("after-free", "double-free")
WHO = r" at \d+\.\d{6} by thread 1 on hart \d+: "
# Suites about small objects, more of them, and of those who use them.
ABOUT = ("mempool", "slab", "slab_debug", "slab_harts", "slab_info", "slab_stress")
MORE = ("kmalloc", "slab_init", "slab_rcu", "slab_watch", "usercopy")
USERS = ("kstack", "thread", "workqueue")


def messages(lines):
    """Without their time stamps."""
    return [re.sub(r"^\[ *\d+\.\d+\] ", "", line) for line in lines]


def report(lines, kind, sentence, details):
    """What `slabbug @kind` made the kernel say: once, and all of it."""
    said = messages(lines)
    text = "\n".join(said)
    culprit = "bug_" + kind.replace("-", "_")
    cache = r"kmalloc-\S*224" if kind == "kmalloc" else "slabbug"
    heads = [x for x in said if "BUG: slab: object 0x" in x]
    assert len(heads) == 1 and re.search(rf" of {cache} {sentence}$", heads[0]), text
    assert re.search(rf"^  object \d+ of \d+, \d+ bytes, of {cache}, in the slab of order \d+ at pfn",
                     text, re.M), text
    assert "Call trace:" in text and re.search(rf"#\d+ \w+ {culprit}\+", text), text
    inner = "" if kind == "kmalloc" else r"takes_object\+\S+ < "
    assert re.search(rf"^  allocated{WHO}{inner}{culprit}\+", text, re.M), text
    if kind in ALWAYS_FREED:
        assert re.search(rf"^  freed{WHO}gives_object\+\S+ < {culprit}\+", text, re.M), text
    for detail in details:
        assert re.search(detail, text, re.M), f"no {detail} in\n{text}"


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_mistakes_are_named(machine, board):
    m = machine(board=board, smp=2, mem="64M", append=CHOSEN, may_panic=True)
    for kind, (sentence, details) in BUGS.items():
        report(m.run(f"slabbug {kind}"), kind, sentence, details)
    leak = "\n".join(messages(m.run("slabbug leak")))
    assert re.search(r"^slab: slabbug: 0x[0-9a-f]+ is in use$", leak, re.M), leak
    assert re.search(rf"^  allocated{WHO}takes_object\+\S+ < bug_leak\+", leak, re.M), leak
    assert "the cache slabbug can't be destroyed: 1 objects are in use" in leak
    # All is mended.
    assert re.search(r"^\d+ caches, 0 of them broken$", m.run("slabinfo -v")[0])
    checks.suites_pass(m, "slab_debug")
    assert m.poweroff() == 0


@pytest.mark.parametrize("letter, found", [
    ("F", {"double-free"}),
    ("Z", {"double-free", "past-end", "before-start", "kmalloc"}),
    ("P", {"double-free", "after-free"}),
    ("U", {"double-free"}),
])
def test_each_letter_finds_its_own(machine, letter, found):
    """The table of docs/debugging-memory.md; and U alone knows who."""
    m = machine(smp=1, mem="64M", append=f"slub_debug={letter}", may_panic=True)
    for kind in BUGS:
        said = "\n".join(messages(m.run(f"slabbug {kind}")))
        assert ("BUG: slab: object 0x" in said) == (kind in found), f"{kind}: {said}"
        assert ("  allocated at" in said) == (letter == "U" and kind in found), said
    assert m.poweroff() == 0


def test_nothing_is_said_without(machine):
    """The same mistakes go unnoticed where no argument asks: the tests above can fail."""
    m = machine(smp=1, mem="64M", may_panic=True)
    for kind in ("past-end", "before-start", "after-free"):
        assert [x for x in m.run(f"slabbug {kind}") if x] == []
    leak = "\n".join(m.run("slabbug leak"))
    assert "1 objects are in use" in leak and "allocated" not in leak
    assert m.poweroff() == 0


def test_wild_pointer(machine):
    """What was never allocated is named with who frees it, and all goes on."""
    m = machine(smp=1, mem="64M", may_panic=True)
    said = "\n".join(messages(m.run("slabbug wild")))
    assert re.search(r"BUG: slab: object 0x[0-9a-f]+ of nothing isn't kmalloc\(\)'s$", said, re.M), said
    assert re.search(r"#\d+ \w+ bug_wild\+", said), said
    assert re.search(r"^\d+ caches, 0 of them broken$", m.run("slabinfo -v")[0])
    assert m.poweroff() == 0


@pytest.mark.parametrize("append, suites, where", [
    ("slub_debug=FZPU,kmalloc*,dma*,kmem_cache*", USERS, dict(smp=2, mem="256M")),
    ("slub_debug", ABOUT + MORE + ("page_alloc",), dict(smp=1, mem="8M")),
    ("slub_debug", ABOUT, dict(smp=4, mem="1G", numa=2)),
    ("slub_debug=FZ init_on_alloc=1 init_on_free=1", ABOUT,
     dict(board="qemu-virt32", smp=2, mem="128M")),
], ids=("users", "8M", "numa", "rv32"))
def test_everything_works_with_it(machine, append, suites, where):
    """Nobody does anything wrong, in whichever caches, nor with what else looks at objects."""
    m = machine(append=append, **where)
    checks.suites_pass(m, *suites)
    assert "0 of them broken" in m.run("slabinfo -v")[0]
    detail = "\n".join(m.run("slabinfo kmem_cache"))
    assert "consistency_checks red_zone" in detail
    assert m.poweroff() == 0


def test_everything_works_with_all_of_it(machine, debug_kernel):
    """Owners, red zones, leaks and samples at once, and allocations that may fail and don't."""
    m = machine(kernel=debug_kernel("qemu-virt"), smp=2, mem="256M",
                append="slub_debug kmemleak=on kfence.sample_interval=1")
    assert m.run("fault failslab probability=100 space=4000M") == []
    checks.suites_pass(m, *ABOUT)
    assert "0 of them broken" in m.run("slabinfo -v")[0]
    assert m.poweroff() == 0


def flags_of(m, cache):
    detail = "\n".join(m.run(f"slabinfo {cache}"))
    return re.search(r"^ *flags +0x[0-9a-f]+(.*)$", detail, re.M)[1].split()


@pytest.mark.parametrize("argument, first, other", [
    ("slub_debug", "FZPU", "FZPU"),
    ("slub_debug=ZP", "ZP", "ZP"),
    ("slub_debug=-", "", ""),
    ("slub_debug=z,kmem_cache", "Z", ""),
    ("slub_debug=,kmem_cache_n*", "", "FZPU"),
    ("slub_debug=U,nix,kmem*node;P,kmem_cache*", "P", "U"),
    ("slub_debug=F;Z,kmem_cache", "Z", "F"),
])
def test_argument(machine, argument, first, other):
    """Which caches are debugged, and how: kmem_cache and kmem_cache_node."""
    names = {"consistency_checks": "F", "red_zone": "Z", "poison": "P", "store_user": "U"}
    m = machine(smp=1, mem="64M", append=argument)
    for cache, wanted in (("kmem_cache", first), ("kmem_cache_node", other)):
        assert "".join(names.get(x, "") for x in flags_of(m, cache)) == wanted
    # Where magazines lie matters.
    assert not set(flags_of(m, "magazine")) & set(names)
    assert m.poweroff() == 0


def test_bad_argument(machine):
    m = machine(smp=1, mem="64M", append="slub_debug=FX,kmem_cache")
    assert 'slub_debug="FX,kmem_cache" is not usable' in m.transcript
    assert flags_of(m, "kmem_cache") == ["no_merge"]
    assert m.poweroff() == 0


def test_trace(machine):
    """T says each time who allocates and who frees."""
    m = machine(smp=1, mem="64M", append="slub_debug=TFZ,slabbug", may_panic=True)
    said = messages(m.run("slabbug past-end"))
    for what, who in (("allocated", "takes_object"), ("freed", "gives_object")):
        assert [x for x in said if re.match(rf"slab: slabbug: 0x\w+ {what} by {who}\+", x)], said
    assert m.poweroff() == 0


def test_ktap_suite_has_its_cases(machine):
    m = machine(smp=1, mem="64M")
    cases = ktap.parse(m.run("test slab_debug"))["slab_debug"].cases
    assert len(cases) >= 15 and not [c.name for c in cases if c.skip]
    assert m.poweroff() == 0
