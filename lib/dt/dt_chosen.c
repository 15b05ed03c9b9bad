/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_chosen.c - what the firmware chose: arguments, console, seeds, initrd
 *
 * Nothing here is worth refusing to boot for: a property that makes no sense is named in
 * dt_chosen.ignored and left out.
 */
#include "internal.h"

#include <base/errno.h>
#include <lib/parse.h>
#include <stdio.h>
#include <string.h>

/* A number of one or two cells; false if there is none or it has another length. */
static bool read_number_prop(int node, const char *name, u64 *out, const char **ignored)
{
	int len;
	const u8 *p = dt_prop(node, name, &len);

	if (!p)
		return false;
	if (len != 4 && len != 8) {
		*ignored = name;
		return false;
	}
	return dt_read_number(&p, (unsigned)len / 4, out);
}

static const char *read_string_prop(int node, const char *name, const char **ignored)
{
	int len;
	const char *s = dt_prop_string(node, name);

	if (!s && dt_prop(node, name, &len) && len)
		*ignored = name;
	return s;
}

static void read_initrd(int node, struct dt_chosen *chosen)
{
	struct phys_range r;

	if (!read_number_prop(node, "linux,initrd-start", &r.start, &chosen->ignored) ||
	    !read_number_prop(node, "linux,initrd-end", &r.end, &chosen->ignored))
		return;
	if (r.end >= r.start)
		chosen->initrd = r;
	else
		chosen->ignored = "linux,initrd-end";
}

void dt_read_chosen(struct dt_chosen *chosen)
{
	int node = dt_tree.chosen;

	*chosen = (struct dt_chosen){ 0 };
	if (node < 0)
		return;
	chosen->bootargs = read_string_prop(node, "bootargs", &chosen->ignored);
	chosen->stdout_path = read_string_prop(node, "stdout-path", &chosen->ignored);
	if (!chosen->stdout_path)
		chosen->stdout_path = read_string_prop(node, "linux,stdout-path", &chosen->ignored);
	read_initrd(node, chosen);
}

void dt_each_seed(void (*fn)(void *value, size_t bytes))
{
	static const char names[][12] = { "rng-seed", "kaslr-seed" };
	int len;

	for (unsigned i = 0; dt_tree.chosen >= 0 && i < ARRAY_SIZE(names); i++) {
		const void *value = dt_prop(dt_tree.chosen, names[i], &len);

		if (value && len)
			fn((void *)value, (size_t)len);
	}
}

/* One of the nodes of @way is disabled. */
static bool is_disabled(const int *way, int depth)
{
	int i;

	for (i = 0; i < depth; i++) {
		if (!dt_available(way[i]))
			return true;
	}
	return false;
}

/* "115200n8": the leading digits. */
static u32 read_baud(const char *options)
{
	char digits[11];
	size_t n = strspn(options, "0123456789");
	u64 baud;

	if (n >= sizeof(digits))
		return 0;
	memcpy(digits, options, n);
	digits[n] = '\0';
	return parse_u64(digits, &baud) || baud > 0xffffffff ? 0 : (u32)baud;
}

static int read_reg_layout(int node, struct dt_console *con, struct dt_error *err)
{
	u32 shift = 0, width = 1, offset = 0;

	(void)!dt_prop_u32(node, "reg-shift", &shift);
	(void)!dt_prop_u32(node, "reg-io-width", &width);
	(void)!dt_prop_u32(node, "reg-offset", &offset);
	if (shift > 4)
		return dt_fail_node(err, -EINVAL, node, "reg-shift is %u", (unsigned)shift);
	if (width != 1 && width != 2 && width != 4)
		return dt_fail_node(err, -EINVAL, node, "reg-io-width is %u", (unsigned)width);
	if (offset >= con->reg.end - con->reg.start)
		return dt_fail_node(err, -EINVAL, node, "reg-offset is 0x%x, beyond reg",
				    (unsigned)offset);
	con->reg_shift = shift;
	con->reg_io_width = width;
	con->reg_offset = offset;
	return 0;
}

int dt_find_stdout(struct dt_console *con, struct dt_error *err)
{
	struct dt_chosen chosen;
	int way[DT_MAX_DEPTH], depth, node, code;
	const char *options;

	dt_read_chosen(&chosen);
	if (!chosen.stdout_path)
		return dt_fail(err, -ENOENT, "device tree: /chosen has no stdout-path");
	depth = dt_lookup(chosen.stdout_path, way);
	if (!depth)
		return dt_fail(err, -ENOENT,
			       "device tree: stdout-path names %.80s, which isn't there",
			       chosen.stdout_path);
	node = way[depth - 1];
	if (is_disabled(way, depth))
		return dt_fail_node(err, -ENODEV, node, "stdout-path names it, but it's disabled");
	*con = (struct dt_console){ .node = node };
	code = dt_reg_on(way, depth, 0, &con->reg, err);
	if (!code && con->reg.start == con->reg.end)
		code = dt_fail_node(err, -EINVAL, node, "reg is empty");
	if (!code)
		code = read_reg_layout(node, con, err);
	if (code)
		return code;
	(void)!dt_prop_u32(node, "clock-frequency", &con->clock_hz);
	(void)!dt_prop_u32(node, "current-speed", &con->baud);
	options = strchr(chosen.stdout_path, ':');
	if (options) {
		snprintf(con->options, sizeof(con->options), "%s", options + 1);
		if (read_baud(con->options))
			con->baud = read_baud(con->options);
	}
	return 0;
}
