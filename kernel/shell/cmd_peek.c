/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_peek.c - peek: read memory or registers, without harm from a bad address
 *
 * Each value is read in one access of the width asked for, as device registers need it.
 * Reading a register can still have effects on the device: that is the user's matter.
 */
#include <asm/mmu.h>
#include <lib/parse.h>
#include <shell/shell.h>

#include <string.h>

#define COUNT_MAX 4096
#define ROW_BYTES 16

struct request {
	unsigned long addr; /* virtual */
	unsigned long count;
	unsigned bytes; /* of a value: 1, 2, 4, 8 */
};

/* The width that a letter stands for, or 0. */
static unsigned width_of(const char *s)
{
	static const char letters[] = "bhwd";
	const char *at = *s && !s[1] ? strchr(letters, *s) : NULL;

	return at ? 1u << (at - letters) : 0;
}

static int parse_request(int argc, char **argv, struct request *r)
{
	*r = (struct request){ .count = 1, .bytes = 4 };
	if (argc < 2 || argc > 4 || parse_ulong(argv[1], &r->addr))
		return SHELL_USAGE;
	if (argc > 2 && width_of(argv[argc - 1])) {
		r->bytes = width_of(argv[argc - 1]);
		argc--;
	}
	if (argc > 3 || (argc == 3 && parse_ulong(argv[2], &r->count)))
		return SHELL_USAGE;
	if (!r->count || r->count > COUNT_MAX) {
		shell_printf("peek: a count is 1 to %d\n", COUNT_MAX);
		return -EINVAL;
	}
	if (r->bytes > sizeof(long)) {
		shell_puts("peek: this machine reads at most 4 bytes at once\n");
		return -EINVAL;
	}
	if (r->addr % r->bytes) {
		shell_printf("peek: 0x%lx is not a multiple of %u\n", r->addr, r->bytes);
		return -EINVAL;
	}
	return 0;
}

static u64 value_of(const void *raw, unsigned bytes)
{
	switch (bytes) {
	case 1:
		return *(const u8 *)raw;
	case 2:
		return *(const u16 *)raw;
	case 4:
		return *(const u32 *)raw;
	default:
		return *(const u64 *)raw;
	}
}

static int run_peek(int argc, char **argv)
{
	struct request r;
	int err = parse_request(argc, argv, &r);
	unsigned per_row;

	if (err)
		return err;
	per_row = ROW_BYTES / r.bytes;
	for (unsigned long i = 0; i < r.count; i++, r.addr += r.bytes) {
		u64 raw = 0;

		err = probe_read(&raw, (const void *)r.addr, r.bytes);
		if (err) {
			shell_printf("%speek: nothing can be read at 0x%lx\n",
				     i % per_row ? "\n" : "", r.addr);
			return err;
		}
		if (i % per_row == 0)
			shell_printf("%0*lx:", (int)sizeof(long) * 2, r.addr);
		shell_printf(" %0*llx", (int)r.bytes * 2,
			     (unsigned long long)value_of(&raw, r.bytes));
		if (i % per_row == per_row - 1 || i == r.count - 1)
			shell_puts("\n");
	}
	return 0;
}

static const struct shell_cmd cmd_peek = {
	.name = "peek",
	.usage = "ADDRESS [COUNT] [b|h|w|d]   (1, 2, 4 or 8 bytes a value)",
	.help = "read virtual memory; a bad address is an error, not a panic",
	.run = run_peek,
};
TABLE_ENTRY(shell_cmd, cmd_peek);
