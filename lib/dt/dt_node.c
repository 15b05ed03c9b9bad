/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_node.c - nodes, properties and cells
 *
 * No bounds are checked on the structure: dt_check.c did that.  What properties hold
 * is checked here, each time.
 */
#include "internal.h"

#include <base/errno.h>
#include <string.h>

void dt_next(int *offset, struct dt_token *t)
{
	const char *p = dt_tree.structs + *offset;

	while ((t->tag = dt_cell(p)) == FDT_NOP)
		p += 4;
	t->offset = (int)(p - dt_tree.structs);
	p += 4;
	if (t->tag == FDT_PROP) {
		t->len = (int)dt_cell(p);
		t->name = dt_tree.strings + dt_cell(p + 4);
		t->value = (const u8 *)p + 8;
		p += 8 + ALIGN_UP((size_t)t->len, 4);
	} else if (t->tag == FDT_BEGIN_NODE) {
		t->name = p;
		p += ALIGN_UP(strlen(p) + 1, 4);
	}
	*offset = (int)(p - dt_tree.structs);
}

int dt_inside(int node)
{
	struct dt_token t;

	dt_next(&node, &t);
	return node;
}

int dt_first_child(int node)
{
	int at = dt_inside(node);
	struct dt_token t;

	do
		dt_next(&at, &t);
	while (t.tag == FDT_PROP);
	return t.tag == FDT_BEGIN_NODE ? t.offset : -1;
}

int dt_behind(int node)
{
	int depth = 0;
	struct dt_token t;

	do {
		dt_next(&node, &t);
		if (t.tag == FDT_BEGIN_NODE)
			depth++;
		else if (t.tag == FDT_END_NODE)
			depth--;
	} while (depth);
	return node;
}

int dt_next_sibling(int node)
{
	int at = dt_behind(node);
	struct dt_token t;

	dt_next(&at, &t);
	return t.tag == FDT_BEGIN_NODE ? t.offset : -1;
}

int dt_ancestors(int node, int path[DT_MAX_DEPTH])
{
	int at = 0, depth = 0;
	struct dt_token t;

	do {
		dt_next(&at, &t);
		if (t.tag == FDT_BEGIN_NODE)
			path[depth++] = t.offset;
		else if (t.tag == FDT_END_NODE)
			depth--;
	} while (t.tag != FDT_END && !(t.tag == FDT_BEGIN_NODE && t.offset >= node));
	return depth;
}

const char *dt_node_name(int node)
{
	struct dt_token t;

	dt_next(&node, &t);
	return t.name;
}

const void *dt_prop(int node, const char *name, int *len)
{
	int at = dt_inside(node);
	struct dt_token t;

	for (;;) {
		dt_next(&at, &t);
		if (t.tag != FDT_PROP)
			return NULL;
		if (t.name[0] == name[0] && !strcmp(t.name, name))
			break;
	}
	*len = t.len;
	return t.value;
}

int dt_prop_u32(int node, const char *name, u32 *value)
{
	int len;
	const void *p = dt_prop(node, name, &len);

	if (!p)
		return -ENOENT;
	if (len != 4)
		return -EINVAL;
	*value = dt_cell(p);
	return 0;
}

const char *dt_prop_string(int node, const char *name)
{
	int len;
	const char *s = dt_prop(node, name, &len);

	return s && len > 0 && memchr(s, '\0', (size_t)len) ? s : NULL;
}

bool dt_status_ok(const u8 *status, int len)
{
	return !status || (len == 5 && !memcmp(status, "okay", 5)) ||
	       (len == 3 && !memcmp(status, "ok", 3));
}

bool dt_available(int node)
{
	int len = 0;
	const u8 *status = dt_prop(node, "status", &len);

	return dt_status_ok(status, len);
}

bool dt_list_has(const u8 *list, int len, const char *s)
{
	size_t n = strlen(s) + 1;

	while (len > 0) {
		const u8 *end = memchr(list, '\0', (size_t)len);

		if (!end)
			return false;
		if ((size_t)(end - list) + 1 == n && !memcmp(list, s, n))
			return true;
		len -= (int)(end - list) + 1;
		list = end + 1;
	}
	return false;
}

bool dt_compatible(int node, const char *compatible)
{
	int len;
	const u8 *list = dt_prop(node, "compatible", &len);

	return list && dt_list_has(list, len, compatible);
}

int dt_find_compatible(int after, const char *compatible)
{
	int at = 0, depth = 0, disabled = 0; /* depth of the disabled node we're in, or 0 */
	struct dt_token t;

	for (;;) {
		dt_next(&at, &t);
		if (t.tag == FDT_END)
			return -1;
		if (t.tag == FDT_END_NODE && depth-- == disabled)
			disabled = 0;
		if (t.tag != FDT_BEGIN_NODE)
			continue;
		depth++;
		if (disabled)
			continue;
		if (!dt_available(t.offset))
			disabled = depth;
		else if (t.offset > after && dt_compatible(t.offset, compatible))
			return t.offset;
	}
}

int dt_find_path(const char *path)
{
	const char *end = strchr(path, ':');
	size_t n = end ? (size_t)(end - path) : strlen(path);
	char alias[32];
	int node;

	/* Aliases are resolved here: an alias that names itself would keep libfdt busy. */
	if (path[0] != '/') {
		if (dt_tree.aliases < 0 || n >= sizeof(alias))
			return -1;
		memcpy(alias, path, n);
		alias[n] = '\0';
		path = dt_prop_string(dt_tree.aliases, alias);
		if (!path || path[0] != '/')
			return -1;
		n = strlen(path);
	}
	node = fdt_path_offset_namelen(dt_tree.blob, path, (int)n);
	return node < 0 ? -1 : node;
}

/* ---- cells ---- */

static int read_cell_count(int node, const char *name, u32 fallback, u32 *out, struct dt_error *err)
{
	int code = dt_prop_u32(node, name, out);

	if (code == -ENOENT) {
		*out = fallback;
		return 0;
	}
	if (code)
		return dt_fail_node(err, -EINVAL, node, "%s isn't one cell", name);
	if (*out > 4)
		return dt_fail_node(err, -EINVAL, node, "%s is %u, more than 4", name,
				    (unsigned)*out);
	return 0;
}

int dt_read_cells(int node, struct dt_cells *cells, struct dt_error *err)
{
	int code = read_cell_count(node, "#address-cells", 2, &cells->address, err);

	return code ? code : read_cell_count(node, "#size-cells", 1, &cells->size, err);
}

bool dt_read_number(const u8 **p, unsigned cells, u64 *out)
{
	bool fits = true;
	u64 n = 0;

	for (; cells; cells--, *p += 4) {
		fits = fits && !(n >> 32);
		n = n << 32 | dt_cell(*p);
	}
	*out = n;
	return fits;
}

int dt_read_range(const u8 **p, struct dt_cells cells, int node, const char *prop,
		  struct phys_range *out, struct dt_error *err)
{
	u64 start, size;
	bool fits = dt_read_number(p, cells.address, &start);

	fits = dt_read_number(p, cells.size, &size) && fits;
	if (!fits)
		return dt_fail_node(err, -EINVAL, node, "%s has a number of more than 64 bits", prop);
	if (start + size < start)
		return dt_fail_node(err, -EINVAL, node,
				    "%s wraps around: 0x%" PRIpa " and 0x%" PRIpa " bytes", prop,
				    PA(start), PA(size));
	*out = (struct phys_range){ start, start + size };
	return 0;
}

int dt_count_entries(int node, const char *prop, int len, unsigned cells, struct dt_error *err)
{
	unsigned bytes = 4 * cells;

	if (!bytes)
		return dt_fail_node(err, -EINVAL, node, "%s has entries of 0 cells", prop);
	if ((unsigned)len % bytes)
		return dt_fail_node(err, -EINVAL, node, "%s has %d bytes, not a multiple of %u", prop,
				    len, bytes);
	return len / (int)bytes;
}
