/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd_dt.c - dt: look around in the device tree that the kernel booted with
 *
 * Values have no types in a flattened tree.  What consists of printable strings is shown
 * as strings, else what is a multiple of four bytes as cells, else bytes.
 */
#include <lib/dt.h>
#include <shell/shell.h>

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

static bool is_printable(char c)
{
	return c >= ' ' && c < 0x7f;
}

/* Strings, each ended by NUL, none empty. */
static bool is_strings(const char *value, int len)
{
	if (!len || value[len - 1])
		return false;
	for (int i = 0; i < len; i++)
		if (!is_printable(value[i]) && (value[i] || i == 0 || !value[i - 1]))
			return false;
	return true;
}

static void print_strings(const char *value, int len)
{
	const char *end = value + len;

	for (const char *s = value; s < end; s += strlen(s) + 1) {
		shell_puts(s == value ? "\"" : ", \"");
		shell_puts(s);
		shell_puts("\"");
	}
}

static void print_numbers(const u8 *value, int len)
{
	bool cells = len % 4 == 0;

	shell_puts(cells ? "<" : "[");
	for (int i = 0; i < len; i += cells ? 4 : 1) {
		shell_puts(i ? " " : "");
		if (cells)
			shell_printf("0x%x", (unsigned)fdt32_ld((const fdt32_t *)(value + i)));
		else
			shell_printf("%02x", value[i]);
	}
	shell_puts(cells ? ">" : "]");
}

static void print_property(int depth, const char *name, const void *value, int len)
{
	shell_printf("%*s", depth * 4, "");
	shell_puts(name);
	if (len) {
		shell_puts(" = ");
		if (is_strings(value, len))
			print_strings(value, len);
		else
			print_numbers(value, len);
	}
	shell_puts(";\n");
}

static void print_properties(int depth, int node)
{
	int prop;

	fdt_for_each_property_offset(prop, dt_blob(), node) {
		const char *name;
		int len;
		const void *value = fdt_getprop_by_offset(dt_blob(), prop, &name, &len);

		if (value)
			print_property(depth, name, value, len);
	}
}

static void print_children(int node)
{
	int child;

	fdt_for_each_subnode(child, dt_blob(), node) {
		shell_puts(dt_node_name(child));
		shell_puts(dt_available(child) ? " {}\n" : " {} (disabled)\n");
	}
}

/* The whole subtree, as source. */
static int print_subtree(int top)
{
	int depth = 0, before = -1;

	for (int node = top; node >= 0 && depth >= 0;) {
		for (; before >= depth; before--)
			shell_printf("%*s};\n", before * 4, "");
		shell_printf("%*s%s {\n", depth * 4, "",
			     *dt_node_name(node) ? dt_node_name(node) : "/");
		print_properties(depth + 1, node);
		if (shell_interrupted())
			return -EINTR;
		before = depth;
		node = fdt_next_node(dt_blob(), node, &depth);
		if (depth <= 0)
			break;
	}
	for (; before >= 0; before--)
		shell_printf("%*s};\n", before * 4, "");
	return 0;
}

static int print_one(int node, const char *path, const char *name)
{
	int len;
	const void *value = dt_prop(node, name, &len);

	if (!value) {
		shell_printf("dt: %s has no property %s\n", path, name);
		return -ENOENT;
	}
	print_property(0, name, value, len);
	return 0;
}

static int run_dt(int argc, char **argv)
{
	bool recursive = argc > 1 && !strcmp(argv[1], "-r");
	const char *path = argc > 1 + recursive ? argv[1 + recursive] : "/";
	const char *prop = argc > 2 + recursive ? argv[2 + recursive] : NULL;
	int node;

	if (argc > 3 || (recursive && prop) || *path == '-')
		return SHELL_USAGE;
	node = dt_find_path(path);
	if (node < 0) {
		shell_printf("dt: there is no node or alias %s\n", path);
		return -ENOENT;
	}
	if (recursive)
		return print_subtree(node);
	if (prop)
		return print_one(node, path, prop);
	print_properties(0, node);
	print_children(node);
	return 0;
}

/* Offers the children of the node that stands before the last '/' of @prefix. */
static void complete_dt(const char *prefix, shell_offer_fn offer, void *ctx)
{
	char word[DT_PATH_LEN];
	const char *slash = strrchr(prefix, '/');
	size_t parent_len = slash ? (size_t)(slash - prefix) : 0;
	int parent, child;

	if (!slash) {
		offer(ctx, "/");
		return;
	}
	if (parent_len >= sizeof(word))
		return;
	memcpy(word, parent_len ? prefix : "/", parent_len ? parent_len : 1);
	word[parent_len ? parent_len : 1] = '\0';
	parent = dt_find_path(word);
	if (parent < 0)
		return;
	fdt_for_each_subnode(child, dt_blob(), parent) {
		bool inner = fdt_first_subnode(dt_blob(), child) >= 0;

		if (snprintf(word, sizeof(word), "%.*s/%s%s", (int)parent_len, prefix,
			     dt_node_name(child), inner ? "/" : "") < (int)sizeof(word))
			offer(ctx, word);
	}
}

static const struct shell_cmd cmd_dt = {
	.name = "dt",
	.usage = "[-r] [PATH | ALIAS] [PROPERTY]",
	.help = "show a node of the device tree; -r: with all below it",
	.run = run_dt,
	.complete = complete_dt,
};
TABLE_ENTRY(shell_cmd, cmd_dt);
