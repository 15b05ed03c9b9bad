# SPDX-License-Identifier: BSD-2-Clause
QEMU_SYSTEM  := qemu-system-riscv64
QEMU_MACHINE := sifive_u
QEMU_SMP     := 5
QEMU_MEM     := 1G
QEMU_CONSOLE := -nographic
