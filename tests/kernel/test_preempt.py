# SPDX-License-Identifier: BSD-2-Clause
"""The suite `preempt` where an interrupt can come between any two instructions.

QEMU translates the kernel by blocks and lets interrupts in between these only; here a
block is one instruction.
"""

import re
import subprocess

import pytest

import ktap
import machine as machines
import qemu


def one_instruction_blocks(board):
    """The arguments for that: another spelling since QEMU 8.1."""
    program = machines.emulator(board) or qemu.board_data(board)["QEMU_SYSTEM"]
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(map(int, re.search(r"version (\d+)\.(\d+)", said).groups()))
    return ["-accel", "tcg,one-insn-per-tb=on"] if version >= (8, 1) else ["-singlestep"]


@pytest.mark.parametrize("smp", [1, 2])
@pytest.mark.parametrize("board", ["qemu-virt", "qemu-virt32"])
def test_every_instruction(machine, board, smp):
    m = machine(board=board, smp=smp, extra=one_instruction_blocks(board))
    suite = ktap.parse(m.run("test preempt"))["preempt"]
    assert not suite.failures(), "\n".join(suite.failures())
    assert m.poweroff() == 0
