# SPDX-License-Identifier: BSD-2-Clause
"""Drivers: who waits for whom, and trees whose interrupts make no sense.

Each such tree gets a sentence that names node and property, and the kernel goes on without the
device: the console is polled then.  (OpenSBI itself hangs on more of them, without a word.)
"""

import re

import pytest

import trees

PLIC = "/ { soc { plic@c000000 { %s }; }; };"
SERIAL = "/ { soc { serial@10000000 { %s }; }; };"
APLIC = "/ { soc { aplic@d000000 { %s }; }; };"
IMSICS = "/ { soc { imsics@28000000 { %s }; }; };"
NO_PARENT = r"0x77 is no enabled interrupt controller"

# name: (change to QEMU's tree, aia= of the machine, what the log must say)
WRONG = {
    "plic-parent": (PLIC % "interrupts-extended = <0x77 9>;", "none",
                    rf"plic: .*/soc/plic@c000000: interrupts-extended: {NO_PARENT}"),
    "plic-short": (PLIC % "interrupts-extended = <2>;", "none",
                   r"plic: .*/soc/plic@c000000: interrupts-extended ends inside an entry"),
    "plic-machine-only": (PLIC % "interrupts-extended = <2 11>;", "none",
                          r"plic: plic@c000000: none of its 1 contexts is a usable hart's in S-mode"),
    "plic-no-sources": (PLIC % "riscv,ndev = <0>;", "none",
                        r"plic: plic@c000000: riscv,ndev isn't a number of sources"),
    "plic-reg": (PLIC % "reg = <0x0 0xc000000 0x0 0x1000>;", "none",
                 r"plic: plic@c000000: 2 contexts don't fit into its registers of 0x1000 bytes"),
    "plic-cells": (PLIC % "#interrupt-cells = <9>;", "none",
                   r"irq: serial@10000000: .*/soc/plic@c000000: #interrupt-cells is 9"),
    "parent": (SERIAL % "interrupt-parent = <0x77>;", "none",
               rf"irq: serial@10000000: .*: interrupt-parent {NO_PARENT}"),
    "line-0": (SERIAL % "interrupts = <0>;", "none",
               r"irq: serial@10000000: plic@c000000 has no line 0"),
    "line": (SERIAL % "interrupts = <2000>;", "none",
             r"irq: serial@10000000: plic@c000000 has no line 2000"),
    "empty-entry": (SERIAL % "interrupts-extended = <0 0>;", "none",
                    r"irq: serial@10000000: .*: entry 0 of interrupts-extended is empty"),
    "odd-bytes": (SERIAL % "interrupts = [00];", "none",
                  r"irq: serial@10000000: .*: interrupts ends inside an entry of 1 cells"),
    "no-driver": (SERIAL % "interrupts-extended = <2 5>;", "none",
                  r"drivers: serial@10000000: ns16550 still waits for a device that it needs"),
    "aplic-parent": (APLIC % "interrupts-extended = <0x77 9>;", "aplic",
                     rf"aplic: .*/soc/aplic@d000000: interrupts-extended: {NO_PARENT}"),
    "aplic-none": (APLIC % "/delete-property/ interrupts-extended;", "aplic",
                   r"aplic: .*/soc/aplic@d000000: no interrupts"),
    "no-type": (SERIAL % "interrupts = <10 0>;", "aplic",
                r"irq: serial@10000000: line 10 of aplic@d000000 can't be of type 0"),
    "imsic-bits": (IMSICS % "riscv,hart-index-bits = <12>; riscv,group-index-bits = <3>;",
                   "aplic-imsic", r"imsic: imsics@28000000: guest, hart or group index bits make no"),
}


def as_named(text, own):
    """@text with the names that this QEMU gives its nodes: they changed with 8.2."""
    for old, address in re.findall(r"((?:aplic|imsics|plic)@([0-9a-f]+))", text):
        found = re.search(rf"(\S+@{address}) {{", own)
        text = text.replace(old, found[1] if found else old)
    return text


@pytest.mark.parametrize("name", WRONG)
def test_wrong_interrupts(machine, name):
    change, aia, sentence = WRONG[name]
    own = trees.own_source("qemu-virt", smp="1", mem="128M", aia=aia)
    change, sentence = as_named(change, own), as_named(sentence, own)
    dtb = trees.changed(f"irq-{name}", change, smp="1", mem="128M", aia=aia)
    m = machine(smp=1, mem="128M", dtb=str(dtb), extra=["-M", f"virt,aia={aia}"])
    assert any(re.search(sentence, x) for x in m.run("dmesg")), "not named in the log"
    assert any(re.search("failed: error|still waits", x) for x in m.lines)
    assert m.run("help help")[1].startswith("usage: help")
    assert m.poweroff() == 0


def test_deferred(machine):
    """Whoever waits for another is asked again once that is there, whatever the levels."""
    nodes = "".join(f'{x} {{ compatible = "hartwood,test-{x}"; }}; '
                    for x in ("early", "late", "last", "never", "silent"))
    dtb = trees.changed("drivers", f"/ {{ {nodes} }};", smp="1", mem="128M")
    m = machine(smp=1, mem="128M", dtb=str(dtb))
    said = [x[1] for line in m.lines if (x := re.search(r"drivers: (\w+: test-.*)", line))]
    assert said == ["last: test-last", "late: test-late", "early: test-early",
                    "never: test-never still waits for a device that it needs"]
    assert m.poweroff() == 0
