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
	const char *p = dt_tree.structs + node;
	int depth = 0;

	/* As with dt_next, but names and values are only stepped over. */
	do {
		u32 tag = dt_cell(p);

		p += 4;
		if (tag == FDT_PROP) {
			p += 8 + ALIGN_UP((size_t)dt_cell(p), 4);
		} else if (tag == FDT_BEGIN_NODE) {
			depth++;
			p += ALIGN_UP(strlen(p) + 1, 4);
		} else if (tag == FDT_END_NODE) {
			depth--;
		}
	} while (depth);
	return (int)(p - dt_tree.structs);
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

void dt_props(int node, struct dt_want *want, unsigned n)
{
	int at = dt_inside(node);
	struct dt_token t;
	unsigned i;

	for (i = 0; i < n; i++)
		want[i].value = NULL;
	for (dt_next(&at, &t); t.tag == FDT_PROP; dt_next(&at, &t)) {
		for (i = 0; i < n; i++) {
			if (want[i].value || t.name[0] != want[i].name[0] ||
			    strcmp(t.name, want[i].name))
				continue;
			want[i].value = t.value;
			want[i].len = t.len;
			break;
		}
	}
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
	struct dt_want p[] = { { .name = "status" }, { .name = "compatible" } };
	struct dt_token t;
	int at = 0;

	for (;;) {
		dt_next(&at, &t);
		if (t.tag == FDT_END)
			return -1;
		if (t.tag != FDT_BEGIN_NODE)
			continue;
		dt_props(t.offset, p, 2);
		if (!dt_status_ok(p[0].value, p[0].len))
			at = dt_behind(t.offset);
		else if (t.offset > after && p[1].value &&
			 dt_list_has(p[1].value, p[1].len, compatible))
			return t.offset;
	}
}

/* The child of @node called name[0..n), with or without its unit address, or -1. */
static int find_child(int node, const char *name, size_t n)
{
	int child;

	for (child = dt_first_child(node); child >= 0; child = dt_next_sibling(child)) {
		const char *s = dt_node_name(child);

		if (!strncmp(s, name, n) && (!s[n] || (s[n] == '@' && !memchr(name, '@', n))))
			return child;
	}
	return -1;
}

int dt_lookup(const char *path, int way[DT_MAX_DEPTH])
{
	const char *end = path + strcspn(path, ":");
	int depth = 1;

	if (path[0] != '/') {
		char alias[32];

		if (dt_tree.aliases < 0 || (size_t)(end - path) >= sizeof(alias))
			return 0;
		memcpy(alias, path, (size_t)(end - path));
		alias[end - path] = '\0';
		path = dt_prop_string(dt_tree.aliases, alias);
		if (!path || path[0] != '/')
			return 0;
		end = path + strlen(path);
	}
	way[0] = 0;
	while (path < end) {
		size_t n;

		while (path < end && *path == '/')
			path++;
		n = strcspn(path, "/:");
		if (path == end)
			break;
		if (depth == DT_MAX_DEPTH)
			return 0;
		way[depth] = find_child(way[depth - 1], path, n);
		if (way[depth++] < 0)
			return 0;
		path += n;
	}
	return depth;
}

int dt_find_path(const char *path)
{
	int way[DT_MAX_DEPTH], depth = dt_lookup(path, way);

	return depth ? way[depth - 1] : -1;
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
		return dt_fail_node(err, -EINVAL, node, "%s has a number of more than 64 bits",
				    prop);
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
		return dt_fail_node(err, -EINVAL, node, "%s has %d bytes, not a multiple of %u",
				    prop, len, bytes);
	return len / (int)bytes;
}
