# SPDX-License-Identifier: BSD-2-Clause
# QEMU's sifive_u stands for the board; -smp 5 is the E51 and four U54.
QEMU_SYSTEM  := qemu-system-riscv64
QEMU_MACHINE := sifive_u
QEMU_SMP     := 5
QEMU_MEM     := 8G
QEMU_CONSOLE := -nographic
