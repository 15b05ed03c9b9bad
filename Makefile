# SPDX-License-Identifier: BSD-2-Clause
# Hartwood.  `make help` lists what can be asked for; docs/ and README.md say why.
#
# One board at a time: everything it yields lies in build/BOARD (or build/BOARD-clang).
# Order of things: .config (tools/kconfig.py) -> objects -> link 1 -> tools/tables.py
# packs relocations and names -> link 2 -> Image.

BOARD ?= qemu-virt
O     := build/$(BOARD)$(if $(filter 1,$(CLANG)),-clang)

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL     := /bin/sh
Q         := $(if $(filter 1,$(V)),,@)
say        = $(if $(filter 1,$(V)),,@printf '  %-8s%s\n' $(1) $(2))
PYTHON    := /usr/bin/python3
KCONFIG    = $(PYTHON) tools/kconfig.py --board $(BOARD) --out $(O)

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
CC        := clang --target=riscv$(XLEN)-unknown-elf
MARCH     := $(MARCH_LIB)
CC_FLAGS  := -nostdlibinc -Wno-unused-command-line-argument
else
CC        := $(GCC)
MARCH     := rv$(XLEN)imac_zicsr_zifencei
CC_FLAGS  :=
endif

include lib/libfdt.mk

# -fno-jump-tables: a jump table holds addresses, and head.S and what it calls run
# before addresses are relocated.  -fbuiltin: -ffreestanding would turn off the
# compiler's knowledge of memset and strlen.
TARGET_FLAGS := -march=$(MARCH) -mabi=$(MABI) -mcmodel=medany -fno-pic -ffreestanding -fbuiltin \
	-isystem $(PICOLIBC)/include
CODE_FLAGS := -std=gnu11 -O2 -g -fdebug-prefix-map=$(CURDIR)=. -fno-common \
	-ffunction-sections -fdata-sections -fno-jump-tables -fno-stack-protector \
	-fno-strict-aliasing -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident \
	$(if $(CONFIG_FRAME_POINTER),-fno-omit-frame-pointer,-fomit-frame-pointer) $(CC_FLAGS)
WARN_FLAGS := -Wall -Wextra -Werror -Wno-unused-parameter -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wundef
INCLUDES   := -Iinclude -Iarch/riscv/include -I$(LIBFDT_SRC) -include $(O)/include/autoconf.h
CFLAGS     := $(TARGET_FLAGS) $(CODE_FLAGS) $(WARN_FLAGS) $(INCLUDES)
LDFLAGS    := -m elf$(XLEN)lriscv -nostdlib --gc-sections --emit-relocs --fatal-warnings \
	--no-warn-rwx-segments --defsym=vfprintf=$(PRINTF)

# --- objects -------------------------------------------------------------------------

include sources.mk
OBJS   := $(addprefix $(O)/,$(obj-y))
FDT    := $(addprefix $(O)/libfdt/,$(LIBFDT_FILES:.c=.o))
HEADER := $(O)/include/autoconf.h

# The command that compiles, kept in a file that changes when a flag does.
$(O)/flags: FORCE | $(O)/.config.stamp
	@echo '$(CC) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS)' > $@

$(O)/%.o: %.c $(O)/flags | $(LIBFDT_SRC)/libfdt.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$$(cat $(O)/flags) -MMD -MP -c $< -o $@

$(O)/%.o: %.S $(O)/flags
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$$(cat $(O)/flags) -MMD -MP -c $< -o $@

$(LIBFDT_SRC)/libfdt.h:
	@tools/setup libfdt

$(FDT): $(O)/libfdt/%.o: $(LIBFDT_SRC)/libfdt.h $(O)/flags
	$(call say,CC,libfdt/$*.c)
	@mkdir -p $(@D)
	$(Q)$$(cat $(O)/flags) -w -MMD -MP -c $(LIBFDT_SRC)/$*.c -o $@

$(O)/libfdt.a: $(FDT)
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(CROSS)ar rcs $@ $^

-include $(OBJS:.o=.d) $(FDT:.o=.d)

# --- link -----------------------------------------------------------------------------

$(O)/kernel.lds: arch/riscv/kernel/kernel.lds.S $(O)/flags
	@$$(cat $(O)/flags) -MMD -MP -MT $@ -MF $@.d -E -P -x assembler-with-cpp $< -o $@
-include $(O)/kernel.lds.d

# $(call link,OUTPUT,OBJECT WITH THE TABLES,MORE FLAGS)
link = $(LD) $(LDFLAGS) $(3) -T $(O)/kernel.lds $(OBJS) $(2) --start-group $(O)/libfdt.a $(LIBC) \
	$(LIBGCC) --end-group -o $(1)
PACK := $(if $(CONFIG_KALLSYMS),,--no-symbols)

$(O)/pass1: $(OBJS) $(O)/libfdt.a $(O)/kernel.lds sources.mk
	$(call say,LD,$@)
	$(Q)$(call link,$@)

$(O)/tables.bin: $(O)/pass1 tools/tables.py
	$(call say,TABLES,$@)
	$(Q)$(PYTHON) tools/tables.py pack $(PACK) $< -o $@

$(O)/tables.o: $(O)/tables.bin
	@printf '.section .tables,"a"\n.balign 8\n.incbin "$<"\n' | \
		$$(cat $(O)/flags) -c -x assembler - -o $@

$(O)/hartwood: $(O)/pass1 $(O)/tables.o
	$(call say,LD,$@)
	$(Q)$(call link,$@,$(O)/tables.o,-Map=$@.map)
	$(Q)$(PYTHON) tools/tables.py verify $(PACK) $@

$(O)/Image: $(O)/hartwood
	$(call say,IMAGE,$@)
	$(Q)$(OBJCOPY) -O binary $< $@

$(O)/compile_commands.json: $(O)/flags sources.mk tools/compdb.py
	@$(PYTHON) tools/compdb.py $(O)/flags $(O) $(obj-y) > $@
	@ln -sf $@ compile_commands.json

image: $(O)/Image $(O)/compile_commands.json
.PHONY: image

clean:
	rm -rf build/*
.PHONY: clean
