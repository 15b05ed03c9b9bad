/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt.c - the current device tree, and sentences about it
 *
 * The tree is read with a cursor of our own, not with libfdt's: libfdt checks each
 * offset again at each step, which makes a look-up of a property about ten times as
 * dear, and a boot reads hundreds.  Here the blob is checked once, whole (dt_check.c),
 * and trusted after that.  Offsets of nodes are libfdt's, so its functions can be
 * used beside, and the tests compare both readers.
 */
#include "internal.h"

#include <base/errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct dt_tree dt_tree;

/* Names come from the tree as they are: nothing in them may steer a terminal. */
static void make_printable(char *s)
{
	for (; *s; s++) {
		if (*s < ' ' || *s > '~')
			*s = '?';
	}
}

int dt_fail(struct dt_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	make_printable(err->text);
	return code;
}

int dt_fail_node(struct dt_error *err, int code, int node, const char *fmt, ...)
{
	char path[DT_PATH_LEN];
	va_list ap;
	int n = snprintf(err->text, sizeof(err->text),
			 "device tree: %s: ", dt_path(node, path, sizeof(path)));

	va_start(ap, fmt);
	vsnprintf(err->text + n, sizeof(err->text) - (size_t)n, fmt, ap);
	va_end(ap);
	make_printable(err->text);
	return code;
}

int __init dt_init(const void *blob, size_t max_bytes, struct dt_error *err)
{
	struct dt_tree tree;
	int code = dt_check(blob, max_bytes, &tree, err);

	if (code)
		return code;
	dt_tree = tree;
	dt_forget_nids();
	return 0;
}

void __init dt_locate(struct dt_tree *tree, const void *blob)
{
	tree->blob = blob;
	tree->bytes = fdt_totalsize(blob);
	tree->structs = tree->blob + fdt_off_dt_struct(blob);
	tree->strings = tree->blob + fdt_off_dt_strings(blob);
}

void __init dt_set_blob(const void *blob)
{
	dt_locate(&dt_tree, blob);
}

const void *dt_blob(void)
{
	return dt_tree.blob;
}

size_t dt_blob_bytes(void)
{
	return dt_tree.bytes;
}

/* Append @s to buf[n]; the new length, which may exceed @size. */
static size_t append(char *buf, size_t n, size_t size, const char *s)
{
	for (; *s; s++, n++) {
		if (n < size)
			buf[n] = *s;
	}
	return n;
}

const char *dt_path(int node, char *buf, size_t size)
{
	int path[DT_MAX_DEPTH];
	int i, depth = dt_ancestors(node, path);
	size_t n = 0;

	if (depth == 1)
		n = append(buf, n, size, "/");
	for (i = 1; i < depth; i++) {
		n = append(buf, n, size, "/");
		n = append(buf, n, size, dt_node_name(path[i]));
	}
	if (n >= size) {
		memcpy(buf + size - 4, "...", 3);
		n = size - 1;
	}
	buf[n] = '\0';
	make_printable(buf);
	return buf;
}
