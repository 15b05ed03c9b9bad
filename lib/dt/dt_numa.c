/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_numa.c - nodes: numa-node-id values as small numbers, and distances
 *
 * Node numbers (nid) are dense and in the order of the numa-node-id values of banks.
 * Distances are those of ACPI and of Linux's binding: 10 is local, 254 the furthest.
 */
#include "internal.h"

#include <base/errno.h>
#include <string.h>

#define LOCAL_DISTANCE	10
#define REMOTE_DISTANCE 20
#define MAX_DISTANCE	254

static struct {
	u32 id[DT_MAX_NODES]; /* numa-node-id of each nid, ascending */
	int nr;
	u8 distance[DT_MAX_NODES][DT_MAX_NODES];
} numa;

static void __init default_distances(void)
{
	int i;

	memset(numa.distance, REMOTE_DISTANCE, sizeof(numa.distance));
	for (i = 0; i < DT_MAX_NODES; i++)
		numa.distance[i][i] = LOCAL_DISTANCE;
}

void __init dt_forget_nids(void)
{
	numa.nr = 0;
	default_distances();
}

int dt_nr_nids(void)
{
	return max(numa.nr, 1);
}

u32 dt_numa_id(int nid)
{
	return nid < numa.nr ? numa.id[nid] : 0;
}

/* The nid of numa-node-id @id, or -1. */
static int find_nid(u32 id)
{
	int i;

	for (i = 0; i < numa.nr; i++) {
		if (numa.id[i] == id)
			return i;
	}
	return -1;
}

int dt_node_nid(int node, bool add, struct dt_error *err)
{
	u32 id;
	int i, code = dt_prop_u32(node, "numa-node-id", &id);

	if (code == -EINVAL)
		return dt_fail_node(err, -EINVAL, node, "numa-node-id isn't one cell");
	if (code)
		return code;
	i = find_nid(id);
	if (i >= 0 || !add)
		return i >= 0 ? i : -ENOENT;
	if (numa.nr == DT_MAX_NODES)
		return dt_fail_node(err, -ENOSPC, node, "numa-node-id %u is one of more than %d",
				    (unsigned)id, DT_MAX_NODES);
	for (i = numa.nr++; i > 0 && numa.id[i - 1] > id; i--)
		numa.id[i] = numa.id[i - 1];
	numa.id[i] = id;
	return i;
}

unsigned dt_distance(int from, int to)
{
	return numa.distance[from][to];
}

/* The matrix: triples (from, to, distance); how many, 0 without a map, or -EINVAL. */
static int __init find_matrix(const u8 **matrix, struct dt_error *err)
{
	int len, node = dt_tree.distance_map;

	if (node < 0)
		return 0;
	if (!dt_compatible(node, "numa-distance-map-v1"))
		return dt_fail_node(err, -EINVAL, node, "not compatible to numa-distance-map-v1");
	*matrix = dt_prop(node, "distance-matrix", &len);
	if (!*matrix)
		return dt_fail_node(err, -EINVAL, node, "no distance-matrix");
	return dt_count_entries(node, "distance-matrix", len, 3, err);
}

/* Take entry (a, b, distance) over; the other direction too unless it has an entry of its own. */
static int set_distance(int a, int b, u32 distance, bool seen[DT_MAX_NODES][DT_MAX_NODES],
			struct dt_error *err)
{
	if (distance > MAX_DISTANCE ||
	    (a == b ? distance != LOCAL_DISTANCE : distance <= LOCAL_DISTANCE))
		return dt_fail_node(err, -EINVAL, dt_tree.distance_map,
				    "distance %u from node %u to node %u", (unsigned)distance,
				    (unsigned)numa.id[a], (unsigned)numa.id[b]);
	numa.distance[a][b] = (u8)distance;
	seen[a][b] = true;
	if (!seen[b][a])
		numa.distance[b][a] = (u8)distance;
	return 0;
}

int __init dt_read_distances(struct dt_error *err)
{
	bool seen[DT_MAX_NODES][DT_MAX_NODES] = { { false } };
	const u8 *p;
	int code = 0, n = find_matrix(&p, err);

	for (; n > 0 && !code; n--, p += 12) {
		int a = find_nid(dt_cell(p)), b = find_nid(dt_cell(p + 4));

		if (a >= 0 && b >= 0)
			code = set_distance(a, b, dt_cell(p + 8), seen, err);
	}
	if (n < 0 || code)
		default_distances();
	return n < 0 ? n : code;
}

int __init dt_nearest_nid(int node)
{
	struct dt_error ignored;
	const u8 *p;
	u32 id, nearest = ~0U;
	int nid, best = 0, n;

	if (numa.nr < 2)
		return 0;
	nid = dt_node_nid(node, false, &ignored);
	if (nid >= 0)
		return nid;
	if (dt_prop_u32(node, "numa-node-id", &id))
		return 0;
	for (n = find_matrix(&p, &ignored); n > 0; n--, p += 12) {
		u32 a = dt_cell(p), b = dt_cell(p + 4), distance = dt_cell(p + 8);

		nid = a == id ? find_nid(b) : b == id ? find_nid(a) : -1;
		if (nid >= 0 && distance < nearest) {
			nearest = distance;
			best = nid;
		}
	}
	return best;
}
