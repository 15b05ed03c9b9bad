# SPDX-License-Identifier: BSD-2-Clause
# Hartwood.  `make help` lists what can be asked for; docs/ and README.md say why.
#
# One board at a time: everything it yields lies in build/BOARD (or build/BOARD-clang).
# Order of things: .config (tools/kconfig.py) -> objects -> link 1 -> tools/tables.py
# packs relocations and names -> link 2 -> Image.

BOARD ?= qemu-virt
CLANG ?= $(if $(findstring clang,$(CC)),1)
O     := build/$(BOARD)$(if $(filter 1,$(CLANG)),-clang)$(if $(filter 1,$(DEBUG)),-debug)$(if $(filter 1,$(KASAN)),-kasan)$(if $(filter 1,$(HIGHMEM)),-highmem)

ifeq ($(wildcard boards/$(BOARD)/board.mk),)
$(error no boards/$(BOARD)/board.mk: BOARD is one of $(notdir $(wildcard boards/*)))
endif

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL     := /bin/sh
Q         := $(if $(filter 1,$(V)),,@)
silent     = $(findstring s,$(filter-out --%,$(firstword $(MAKEFLAGS))))
say        = $(if $(filter 1,$(V))$(silent),,@printf '  %-8s%s\n' $(1) $(2))
PYTHON    := /usr/bin/python3
KCONFIG    = $(PYTHON) tools/kconfig.py --board $(BOARD) --out $(O) \
	$(if $(filter 1,$(DEBUG)),--also tools/debug.config) \
	$(if $(filter 1,$(KASAN)),--also tools/kasan.config) \
	$(if $(filter 1,$(HIGHMEM)),--also tools/highmem.config) $(addprefix --also ,$(ALSO))

.PHONY: all FORCE
.DELETE_ON_ERROR:
all: image

# --- configuration ---------------------------------------------------------------

# Goals that need no .config; everything else reads it, and makes it if it isn't there.
no-config-goals := help clean format menuconfig defconfig olddefconfig savedefconfig
ifneq ($(filter-out $(no-config-goals),$(or $(MAKECMDGOALS),all)),)
include $(O)/.config.stamp
endif
-include $(O)/.config

KCONFIG_FILES := Kconfig $(wildcard */Kconfig */*/Kconfig)
$(O)/.config.stamp: $(wildcard $(O)/.config) $(KCONFIG_FILES) boards/$(BOARD)/defconfig \
		tools/debug.config tools/kasan.config tools/highmem.config $(ALSO) \
		tools/kconfig.py
	@tools/setup build
	@$(KCONFIG) sync
	@touch $@

menuconfig defconfig olddefconfig savedefconfig:
	@tools/setup build
	@$(KCONFIG) $@
.PHONY: menuconfig defconfig olddefconfig savedefconfig

# --- tools and flags ---------------------------------------------------------------

CROSS   := riscv64-unknown-elf-
GCC     := $(CROSS)gcc
LD      := $(CROSS)ld
OBJCOPY := $(CROSS)objcopy

ifdef CONFIG_ARCH_RV32I
XLEN := 32
# picolibc's integer printf cuts %llx to 32 bits on rv32, so there the full one.
PRINTF := __d_vfprintf
else
XLEN := 64
PRINTF := __i_vfprintf
endif
MABI       := $(if $(filter 32,$(XLEN)),ilp32,lp64)
# gcc 12 finds the soft-float libraries under the name of this ISA only.
MARCH_LIB  := rv$(XLEN)imac
PICOLIBC   := /usr/lib/picolibc/riscv64-unknown-elf
LIBC        = $(PICOLIBC)/lib/$(shell $(GCC) -march=$(MARCH_LIB) -mabi=$(MABI) \
		-print-multi-directory)/libc.a
LIBGCC      = $(shell $(GCC) -march=$(MARCH_LIB) -mabi=$(MABI) -print-libgcc-file-name)

ifeq ($(CLANG),1)
KCC       := clang --target=riscv$(XLEN)-unknown-elf
MARCH     := $(MARCH_LIB)
CC_FLAGS  := -nostdlibinc -Wno-unused-command-line-argument
else
KCC       := $(GCC)
MARCH     := rv$(XLEN)imac_zicsr_zifencei
CC_FLAGS  :=
endif

# gcc looks for the guard at tp (HL_CANARY, asm/hart_local.h), clang in a variable (stack_guard.c).
ifndef CONFIG_STACKPROTECTOR
STACK_FLAGS := -fno-stack-protector
else ifeq ($(CLANG),1)
STACK_FLAGS := -fstack-protector-strong
else
STACK_FLAGS := -fstack-protector-strong -mstack-protector-guard=tls \
	-mstack-protector-guard-reg=tp -mstack-protector-guard-offset=$(if $(filter 32,$(XLEN)),32,64)
endif

include lib/libfdt.mk

# -fno-jump-tables: a jump table holds addresses, and head.S and what it calls run
# before addresses are relocated.  -fbuiltin: -ffreestanding would turn off the
# compiler's knowledge of memset and strlen.  No frame pointers: a backtrace reads the code.
TARGET_FLAGS := -march=$(MARCH) -mabi=$(MABI) -mcmodel=medany -fno-pic -ffreestanding -fbuiltin \
	-isystem $(PICOLIBC)/include
CODE_FLAGS := -std=gnu11 -O2 -g -fdebug-prefix-map=$(CURDIR)=. -fno-common \
	-ffunction-sections -fdata-sections -fno-jump-tables $(STACK_FLAGS) \
	-fno-strict-aliasing -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident \
	-fomit-frame-pointer $(CC_FLAGS)
WARN_FLAGS := -Wall -Wextra -Werror -Wno-unused-parameter -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wundef
INCLUDES   := -Iinclude -Iarch/riscv/include -I$(LIBFDT_SRC) -include $(O)/include/autoconf.h
CFLAGS     := $(TARGET_FLAGS) $(CODE_FLAGS) $(WARN_FLAGS) $(INCLUDES)
LDFLAGS    := -m elf$(XLEN)lriscv -nostdlib $(if $(filter 1,$(KEEP_ALL)),,--gc-sections) \
	--emit-relocs --fatal-warnings \
	--no-warn-rwx-segments --defsym=vfprintf=$(PRINTF)

# --- objects -------------------------------------------------------------------------

include sources.mk
OBJS   := $(addprefix $(O)/,$(obj-y))
FDT    := $(addprefix $(O)/libfdt/,$(LIBFDT_FILES:.c=.o))
HEADER := $(O)/include/autoconf.h

# The command that compiles, and what is to be small rather than fast, in a file that changes when
# they do: objects depend on it.
$(O)/flags: FORCE | $(O)/.config.stamp
	@echo '$(KCC) $(CFLAGS) $(COLD)' | cmp -s - $@ || echo '$(KCC) $(CFLAGS) $(COLD)' > $@

$(O)/%.o: %.c $(O)/flags | $(LIBFDT_SRC)/libfdt.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(KCC) $(CFLAGS) $(OPTIMIZE) $(SANITIZE) -MMD -MP -c $< -o $@

# They run before tp is anything.
$(O)/arch/riscv/boot/kaslr.o $(O)/arch/riscv/mm/early.o: SANITIZE := -fno-stack-protector

# All but what finds the memory that is checked, and says so.
ifdef CONFIG_KASAN
$(filter-out $(addprefix $(O)/,arch/% kernel/core/% kernel/sched/% mm/buddy% mm/kasan% mm/kfence% \
	mm/kmalloc% mm/kmap% mm/kmemleak% mm/mem% mm/page% mm/pcp% mm/slab% mm/slub% mm/zone%),$(OBJS)): \
	SANITIZE := -fsanitize=kernel-address -Dmemcpy=kasan_memcpy -Dmemmove=kasan_memmove \
	-Dmemset=kasan_memset
endif

# The suites are a third of the code, and none of it is hot.
$(O)/tests/kernel/test_%.o $(O)/tests/kernel/stress_%.o $(O)/tests/kernel/bench_page_%.o: OPTIMIZE := -Os
# Nor is what reads the device tree, drives a board's devices, runs once at boot or once in a while,
# debugs and reports; nor the commands of the shell.  Lock debugging names the place that takes a
# lock, so that must be inlined there.
COLD := $(filter lib/dt/% drivers/%,$(obj-y)) lib/parse.o kernel/shell/line.o kernel/shell/shell.o \
	arch/riscv/boot/kaslr.o arch/riscv/kernel/backtrace.o $(addprefix arch/riscv/mm/,early_fdt.o fault.o guard.o layout32.o layout64.o paging.o ptdump.o seal.o) \
	$(addprefix kernel/core/,bootargs.o console.o ipi.o log.o panic.o percpu.o smp.o symbols.o sysctl.o) \
	$(addprefix kernel/sched/,hotplug.o irq_domain.o lockreport.o workqueue.o) \
	$(addprefix mm/,cma.o compaction.o contig.o discover.o holders.o init.o ioremap.o kfence.o \
	kfence_report.o kmalloc_util.o linear_map.o memblock.o memmap.o mempolicy.o memremap.o migrate.o \
	oom.o page_debug.o page_ext.o page_init.o page_isolation.o page_owner.o page_report.o \
	set_memory.o slab_common.o slab_debug.o slab_debug_report.o \
	slab_info.o slab_shape.o slab_validate.o slab_watch.o vm_map.o vmalloc_info.o vmscan.o zone.o \
	zone_plan.o)
ifndef CONFIG_DEBUG_LOCKS
$(addprefix $(O)/,$(COLD)) $(O)/kernel/shell/cmd_%.o $(FDT): OPTIMIZE := -Os
endif

$(O)/%.o: %.S $(O)/flags
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(KCC) $(CFLAGS) -MMD -MP -c $< -o $@

$(LIBFDT_SRC)/libfdt.h:
	@tools/setup libfdt

$(FDT): $(O)/libfdt/%.o: $(LIBFDT_SRC)/libfdt.h $(O)/flags
	$(call say,CC,libfdt/$*.c)
	@mkdir -p $(@D)
	$(Q)$(KCC) $(CFLAGS) $(OPTIMIZE) -w -MMD -MP -c $(LIBFDT_SRC)/$*.c -o $@

$(O)/libfdt.a: $(FDT)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(CROSS)ar rcs $@ $^

-include $(OBJS:.o=.d) $(FDT:.o=.d)

# --- link -----------------------------------------------------------------------------

$(O)/kernel.lds: arch/riscv/kernel/kernel.lds.S $(O)/flags
	@$(KCC) $(CFLAGS) -MMD -MP -MT $@ -MF $@.d -E -P -x assembler-with-cpp $< -o $@
-include $(O)/kernel.lds.d

# $(call link,OUTPUT,OBJECT WITH THE TABLES,MORE FLAGS)
link = $(LD) $(LDFLAGS) $(3) -T $(O)/kernel.lds $(OBJS) $(2) --start-group $(O)/libfdt.a $(LIBC) \
	$(LIBGCC) --end-group -o $(1)
PACK := $(if $(CONFIG_KALLSYMS),,--no-symbols)

$(O)/pass1: $(OBJS) $(O)/libfdt.a $(O)/kernel.lds sources.mk
	$(call say,LD,$@)
	$(Q)$(call link,$@,,-Map=$(O)/hartwood.map)

$(O)/tables.bin: $(O)/pass1 tools/tables.py
	$(call say,TABLES,$@)
	$(Q)$(PYTHON) tools/tables.py pack $(PACK) $< -o $@

$(O)/tables.o: $(O)/tables.bin
	@printf '.section .tables,"a"\n.balign 8\n.incbin "$<"\n' | \
		$(KCC) $(CFLAGS) -c -x assembler - -o $@

$(O)/pass2: $(O)/pass1 $(O)/tables.o
	$(call say,LD,$@)
	$(Q)$(call link,$@,$(O)/tables.o,-Map=$(O)/hartwood.map)
	$(Q)$(PYTHON) tools/tables.py verify $(PACK) $@

# For people and debuggers: without the kept relocations and the compiler's own labels.
$(O)/hartwood: $(O)/pass2
	$(Q)$(OBJCOPY) --remove-relocations='*' $< $@.part && $(OBJCOPY) --discard-locals $@.part
	@mv $@.part $@

$(O)/Image: $(O)/hartwood
	$(call say,IMAGE,$@)
	$(Q)$(OBJCOPY) -O binary $< $@

$(O)/compile_commands.json: $(O)/flags sources.mk tools/compdb.py
	@$(PYTHON) tools/compdb.py $(O)/flags $(O) $(obj-y) > $@
	@ln -sf $@ compile_commands.json

image: $(O)/Image $(O)/compile_commands.json
.PHONY: image

# --- run -------------------------------------------------------------------------------

include boards/$(BOARD)/board.mk

# SMP= MEM= CPU= NUMA= APPEND= QEMU= BIOS= DTB= QEMU_ARGS= change the board's own values.
qemu-option = $(if $($(1)),--$(2)='$($(1))')
QEMU_RUN = $(PYTHON) tools/qemu.py --board $(BOARD) --kernel $(O)/Image \
	$(call qemu-option,SMP,smp) $(call qemu-option,MEM,mem) $(call qemu-option,CPU,cpu) \
	$(call qemu-option,NUMA,numa) $(call qemu-option,APPEND,append) \
	$(call qemu-option,QEMU,qemu) $(call qemu-option,BIOS,bios) $(call qemu-option,DTB,dtb)

build/$(BOARD)/board.dtb: boards/$(BOARD)/board.dts
	@tools/setup dtb
	$(call say,DTC,$<)
	@mkdir -p $(@D)
	$(Q)dtc -q -I dts -O dtb -o $@ $<

# Some machines need more than the board does: see tools/qemu.py.
run-setup:
	@tools/setup run $(SETUP) $(if $(MEM),$(shell $(QEMU_RUN) --setup))

run: run-setup image $(QEMU_DTB)
	@$(QEMU_RUN) -- $(QEMU_ARGS)

debug: run-setup image $(QEMU_DTB)
	@$(QEMU_RUN) --gdb -- $(QEMU_ARGS)

gdb: image
	@tools/setup gdb
	gdb-multiarch -q $(addprefix -x ,$(wildcard tools/gdb/hartwood.py)) \
		-ex 'target remote localhost:1234' $(O)/hartwood
.PHONY: run-setup run debug gdb

# --- checks -----------------------------------------------------------------------------

PYTEST := $(PYTHON) -m pytest -p no:cacheprovider
rings  := tests/host tests/kernel tests/system tests/soak

# Both register widths and both compilers, before anything is tested.
check-build:
	@tools/setup check
	@for b in qemu-virt qemu-virt32; do \
		$(MAKE) -j$$(nproc) BOARD=$$b image && CLANG=1 $(MAKE) -j$$(nproc) BOARD=$$b image || exit 1; done

lint:
	@tools/setup lint
	@$(PYTHON) tools/check_layers.py
	@$(PYTHON) tools/check_style.py

check: check-build lint
	@$(PYTEST) $(rings)

check-host: ; @tools/setup check
	@$(PYTEST) tests/host

check-kernel check-system: check-%: check-build
	@$(PYTEST) tests/$*

check-matrix: check-build
	@$(PYTEST) tests/kernel tests/system --matrix

# 8 GiB of an rv32 machine.
check-highmem: check-build
	@$(PYTEST) tests/system/test_highmem.py --highmem

# Everything at once, in kernels that check themselves. SOAK_SECONDS= for all machines together.
soak: export SOAK_SECONDS ?= 600
soak: check-build
	@$(PYTEST) tests/soak

fuzz: ; @tools/setup check
	@$(MAKE) -f tests/host/Makefile fuzz-run

fuzz-vmalloc: ; @tools/setup check
	@$(MAKE) -f tests/host/Makefile $@

# Some keys are counted on rv32 too.
bench-rv32 = $(if $(filter qemu-virt,$(BOARD)),$(if $(KEYS),$(findstring rv32_,$(KEYS)),yes))
bench: run-setup image
	@$(if $(bench-rv32),$(MAKE) BOARD=qemu-virt32 run-setup image)
	@$(MAKE) -s -f tests/host/Makefile build/host/replay
	@$(PYTHON) tools/bench.py --board $(BOARD) $(KEYS)

format:
	@tools/setup lint
	git ls-files '*.c' '*.h' | xargs clang-format -i
.PHONY: check-build lint check check-host check-kernel check-system check-matrix check-highmem soak fuzz fuzz-vmalloc bench format

clean:
	rm -rf $(filter-out build/dl build/firmware build/apt build/qemu10,$(wildcard build/*)) compile_commands.json

help:
	@sed -n -e 's/$$(BOARD)/$(BOARD)/g' -e 's/^#| \{0,1\}//p' Makefile
.PHONY: clean help

#| make            build $(BOARD)'s Image into build/$(BOARD)/
#| make run        start it in QEMU (Ctrl-A X leaves)
#|     BOARD=      a folder of boards/ (qemu-virt)       SMP=     harts        MEM=  8M ... 16G
#|     CPU=        QEMU's -cpu                           NUMA=    nodes        APPEND=  boot arguments
#|     QEMU_ARGS=  more arguments for QEMU               QEMU=    its program  BIOS= DTB=  files
#| make debug      the same, waiting for a debugger;  make gdb  attaches one from another terminal
#|
#| make check      everything below, ~20 minutes on two cores:
#|   check-host      the kernel's sources on this machine, under sanitizers, and the fuzzers
#|   check-kernel    the suites inside the kernel
#|   check-system    boots of the interesting machines;  check-matrix  of all of them
#|   check-highmem   high memory, and 8 GiB of an rv32 machine, which the host must have
#|   lint            layers, licence lines, lengths
#| make soak       10 minutes of everything at once, with checks and perturbation (SOAK_SECONDS=)
#| make fuzz       the fuzzers by turns, until one finds something, or Ctrl-C; fuzz-vmalloc: a minute
#| make bench      count the instructions of the kernel's operations (KEYS="boot_1G ...": only some)
#|
#| make menuconfig | defconfig | olddefconfig | savedefconfig     build/$(BOARD)/.config
#| make format     clang-format;   make clean  removes what was built, not what was downloaded
#| DEBUG=1 turns every check on (tools/debug.config) and builds into build/$(BOARD)-debug
#| HIGHMEM=1 APPEND=lowmem=SIZE  memory beyond SIZE is high, on rv64 too (docs/kmap.md)
#| KASAN=1 checks each access to small objects (docs/debugging-memory.md), into build/$(BOARD)-kasan
#| V=1 shows commands, CLANG=1 (or CC=clang) compiles with clang into build/$(BOARD)-clang
