# SPDX-License-Identifier: BSD-2-Clause
"""Small objects as the shell's commands show them."""

import re

import pytest

import checks
import info
from info import KIB, PAGE

USE = "bench kmalloc64_batch1000 kmem_cache192_pair"


def caches(m):
    found = info.slabinfo(m.run("slabinfo"))
    assert {"kmem_cache", "kmem_cache_node", "magazine"} <= set(found)
    for c in found.values():
        assert c.active <= c.total
        assert c.total % c.objects == 0
        assert c.objects * c.size <= c.pages * PAGE < (c.objects + 1) * c.size
    return found


@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_slabinfo(machine, board):
    m = machine(board=board, smp=2, mem="256M")
    before = caches(m)
    m.run(USE)
    after = caches(m)
    assert len(after) > len(before)
    # What was allocated was freed: it is in magazines, and they are in use.
    used = [c for c in after.values() if re.fullmatch(r"kmalloc(-rnd-\d+)?-64", c.name)]
    assert used and all(c.size == 64 and c.active == 0 for c in used)
    assert any(c.total >= 1000 and c.magazines and c.depot for c in used)
    magazines = sum(c.magazines + c.depot for c in after.values())
    assert after["magazine"].active == magazines
    assert after["bench192"].objects == after["bench192"].pages * PAGE // 192
    assert after["kmem_cache"].active == len(after) - 3
    # One line of each in detail says the same.
    detail = "\n".join(m.run("slabinfo bench192"))
    assert "names     1: bench192" in detail and "hwcache_align no_merge" in detail
    kept = sum(int(n) for n in re.findall(r"hart +\d +keeps (\d+) objects", detail))
    assert re.search(rf"node 0 .* objects out {kept}, depot 0", detail)
    assert any("there is no cache nix" in line for line in m.run("slabinfo nix"))
    assert m.run("slabinfo -v")[0] == f"{len(after)} caches, 0 of them broken"
    checks.no_errors_logged(m)
    assert m.poweroff() == 0


def test_memory_of_slabs(machine):
    """meminfo and slabtop add up what slabinfo lists; nodes, what their harts took."""
    m = machine(smp=4, mem="1G", numa=2)
    m.run(USE)
    top = m.run("slabtop 500")
    found = caches(m)
    mem = info.meminfo(m.run("meminfo"))
    nbytes = sum(c.total // c.objects * c.pages * PAGE for c in found.values())
    assert mem["Slab"] == mem["SReclaimable"] + mem["SUnreclaim"] == nbytes
    lines = [re.fullmatch(r" +\d+ +\d+ +\d+% +\d+ +\d+ +\d+ +(\d+)  (\S+)", line) for line in top]
    sizes = [int(line[1]) for line in lines if line]
    assert len(sizes) == len(found) and sizes == sorted(sizes, reverse=True)
    assert top[0].startswith(f"{len(found)} caches, {sum(sizes)} KiB in slabs")
    assert mem["Slab"] >= 80 * KIB
    detail = "\n".join(m.run("slabinfo kmem_cache"))
    assert re.search(r"node 0 +slabs", detail) and re.search(r"node 1 +slabs", detail)
    assert len([line for line in m.run("slabtop 3") if line]) == 5
    assert any("usage" in line for line in m.run("slabtop many"))
    assert m.poweroff() == 0
