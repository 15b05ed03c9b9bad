# SPDX-License-Identifier: BSD-2-Clause
QEMU_SYSTEM  := qemu-system-riscv32
QEMU_MACHINE := virt
QEMU_SMP     := 4
QEMU_MEM     := 256M
# QEMU 7.2 faults on physical addresses from 4 GiB up with 32 bits, and RAM begins at 2 GiB.
QEMU10_ABOVE := 2G
QEMU_CONSOLE := -nographic
# Debian 12 has no 32-bit OpenSBI; `tools/setup rv32` finds one.
QEMU_BIOS    := build/firmware/opensbi-rv32.bin
SETUP        := rv32
