# SPDX-License-Identifier: BSD-2-Clause
QEMU_SYSTEM  := qemu-system-riscv32
QEMU_MACHINE := virt
QEMU_SMP     := 4
QEMU_MEM     := 256M
QEMU_CONSOLE := -nographic
QEMU_BIOS    := rv32
