# SPDX-License-Identifier: BSD-2-Clause
"""Blobs that are broken below what a .dts can say, each with its one sentence."""

import pathlib
import struct
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9


@pytest.fixture(scope="session", autouse=True)
def built():
    done = subprocess.run(
        ["make", "-s", "-f", "tests/host/Makefile", "all"], cwd=TOP, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def words(*values):
    return struct.pack(f">{len(values)}I", *values)


def begin(name=b""):
    return words(BEGIN) + (name + b"\0").ljust((len(name) + 4) & ~3, b"\0")


def prop(name_at, value, length=None):
    padded = value.ljust((len(value) + 3) & ~3, b"\0")
    return words(PROP, len(value) if length is None else length, name_at) + padded


STRINGS = b"reg\0device_type\0"
MEMORY = (begin(b"memory") + prop(4, b"memory\0") + prop(0, words(0, 0x80000000, 0x100000))
          + words(END_NODE))
TREE = begin() + MEMORY + words(END_NODE)


def blob(structs=TREE + words(END), strings=STRINGS, rsv=bytes(16), cut=None, **header):
    """A blob of these blocks; fields of its header can be set, the whole cut short."""
    at_structs = 40 + len(rsv)
    at_strings = at_structs + len(structs)
    fields = {
        "magic": 0xD00DFEED, "totalsize": at_strings + len(strings), "off_struct": at_structs,
        "off_strings": at_strings, "off_rsv": 40, "version": 17, "last_comp": 16, "boot_cpu": 0,
        "size_strings": len(strings), "size_struct": len(structs),
    }
    fields.update(header)
    return (words(*fields.values()) + rsv + structs + strings)[:cut]


def deep(n):
    return begin() + begin(b"n") * (n - 1) + words(END_NODE) * n + words(END)


BROKEN = {
    "nothing": (b"", "only 0 bytes, less than a header"),
    "half a header": (blob(cut=20), "only 20 bytes, less than a header"),
    "no magic": (blob(magic=0x12345678), "starts with 0x12345678, not 0xd00dfeed: not one"),
    "little endian": (blob(magic=0xEDFE0DD0), "starts with 0xedfe0dd0, not 0xd00dfeed: not one"),
    "too old": (blob(version=16), "version 16 (readable as 16), not 17"),
    "too new": (blob(version=30, last_comp=18), "version 30 (readable as 18), not 17"),
    "no size": (blob(totalsize=0), "totalsize is 0, not between 40 and 1048576"),
    "giant": (blob(totalsize=0x80000000), "totalsize is 2147483648, not between 40 and 1048576"),
    "cut short": (blob(cut=-1), "truncated: 147 of 148 bytes are there"),
    "structure before": (blob(off_struct=8),
                         "structure block at 8, 76 bytes: outside of 148 bytes"),
    "structure behind": (blob(off_struct=4096),
                         "structure block at 4096, 76 bytes: outside of 148 bytes"),
    "structure odd": (blob(off_struct=58),
                      "structure block at 58, 76 bytes: outside of 148 bytes"),
    "structure long": (blob(size_struct=0xFFFFFFFC),
                       "structure block at 56, 4294967292 bytes: outside of 148 bytes"),
    "strings behind": (blob(off_strings=150),
                       "strings block at 150, 16 bytes: outside of 148 bytes"),
    "strings long": (blob(size_strings=17), "strings block at 132, 17 bytes: outside of 148 bytes"),
    "strings endless": (blob(strings=b"reg\0device_typeX"), "the strings block has no end"),
    "list behind": (blob(off_rsv=0x1000), "reservation list at 4096: outside"),
    "list odd": (blob(off_rsv=44), "reservation list at 44: outside"),
    "list endless": (blob(rsv=words(0, 1, 0, 1), structs=b"\1" * 64, strings=b"\0"),
                     "the reservation list has no end"),
    "empty structure": (blob(structs=b""), "the structure block has no end"),
    "no end": (blob(structs=TREE), "the structure block has no end"),
    "end too early": (blob(structs=begin() + MEMORY + words(END)), "ends at 68 with 1 nodes open"),
    "end at once": (blob(structs=words(END)), "ends at 0 with 0 nodes open"),
    "unknown tag": (blob(structs=begin() + words(7) + words(END_NODE, END)),
                    "unknown tag 0x7 at 8"),
    "node ends twice": (blob(structs=words(END_NODE, END)),
                        "at 0, a node ends that never began"),
    "second root": (blob(structs=TREE + TREE + words(END)), "tag 1 behind the root at 72"),
    "padding behind": (blob(structs=TREE + words(NOP, END)), "tag 4 behind the root at 72"),
    "root with a name": (blob(structs=begin(b"r") + words(END_NODE, END)),
                         "the root node has a name"),
    "endless name": (blob(structs=begin() + words(BEGIN) + b"abcd"),
                     "the node at 8 has an endless name"),
    "too deep": (blob(structs=deep(33)), "nodes nest more than 32 deep at 256"),
    "property first": (blob(structs=prop(0, b"") + TREE + words(END)),
                       "a property outside of a node's head at 0"),
    "property behind a child": (
        blob(structs=begin() + MEMORY + prop(0, b"") + words(END_NODE, END)),
        "a property outside of a node's head at 68"),
    "property cut": (blob(structs=begin() + words(PROP, 0)), "cut off in a property at 8"),
    "property long": (blob(structs=begin() + prop(0, b"abcd", 24) + words(END_NODE, END)),
                      "property reg at 8 has 24 bytes, 12 are left"),
    "property giant": (blob(structs=begin() + prop(0, b"", 0xFFFFFFFF) + words(END_NODE, END)),
                       "property reg at 8 has 4294967295 bytes, 8 are left"),
    "property nameless": (blob(structs=begin() + prop(16, b"") + words(END_NODE, END)),
                          "the property at 8 has its name at 16 of 16 bytes"),
}


def answer(data, bits, tmp_path):
    dtb = tmp_path / "blob.dtb"
    dtb.write_bytes(data)
    done = subprocess.run(
        [TOP / f"build/host/{bits}/mmplan", dtb], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("what", BROKEN)
def test_broken_blob(what, bits, tmp_path):
    data, expect = BROKEN[what]
    assert answer(data, bits, tmp_path) == (1, f"device tree: {expect}\n")


@pytest.mark.parametrize("data", [blob(), blob(structs=words(NOP) + TREE + words(END)),
                                  blob(strings=STRINGS + b"x\0"), blob() + b"trailing"])
def test_whole_blob(data, tmp_path):
    """The same blob without a fault gets as far as its missing harts."""
    assert answer(data, 64, tmp_path) == (
        1, "device tree: no /cpus, so no usable hart with an MMU\n")


def test_deepest(tmp_path):
    assert answer(blob(structs=deep(32)), 64, tmp_path) == (1, "device tree: no memory node\n")


def test_every_cut_is_refused(tmp_path):
    whole = blob()
    for n in range(len(whole)):
        code, text = answer(whole[:n], 64, tmp_path)
        assert code == 1 and text.startswith("device tree: ") and text.count("\n") == 1
