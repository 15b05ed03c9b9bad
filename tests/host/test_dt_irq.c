/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_dt_irq.c - interrupt controllers and interrupts, as tests/dts/irq.dts says them
 */
#include "harness.h"

#include <base/errno.h>
#include <lib/dt_irq.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INTCS 16

static struct dt_error err;
static struct dt_intc entries[MAX_INTCS];
static struct dt_intcs intcs = { entries, 0 };
static unsigned visited, enabled;

static int note(const struct dt_visit *v, void *arg)
{
	const void *blob = arg;

	visited++;
	enabled += v->enabled;
	EXPECT_EQ(v->phandle, fdt_get_phandle(blob, v->node));
	EXPECT_EQ(v->parent, v->node ? fdt_parent_offset(blob, v->node) : -1);
	EXPECT_EQ(v->compatible != NULL, fdt_getprop(blob, v->node, "compatible", NULL) != NULL);
	EXPECT_EQ(v->interrupt_controller,
		  fdt_getprop(blob, v->node, "interrupt-controller", NULL) != NULL);
	if (intcs.nr < MAX_INTCS && dt_visit_intc(v, &entries[intcs.nr]))
		intcs.nr++;
	return 0;
}

/* Read the tree and its controllers. */
static void *load(void)
{
	size_t bytes;
	void *blob = host_read_file("build/host/dts/irq.dtb", &bytes);

	EXPECT_EQ(dt_init(blob, bytes, &err), 0);
	intcs.nr = visited = enabled = 0;
	EXPECT_EQ(dt_for_each_node(note, blob), 0);
	return blob;
}

static int get(const char *path, unsigned index, struct dt_irq *irq)
{
	return dt_irq_get(&intcs, dt_find_path(path), index, irq, &err);
}

TEST(every_node_is_visited)
{
	void *blob = load();
	unsigned nodes = 0;

	for (int node = 0; node >= 0; node = fdt_next_node(blob, node, NULL))
		nodes++;
	EXPECT_EQ(visited, nodes);
	EXPECT_EQ(nodes - enabled, 5); /* hart 0, its controller; off; quiet and its child */
	free(blob);
}

static int stop_at_third(const struct dt_visit *v, void *arg)
{
	unsigned *n = arg;

	(void)v;
	return ++*n == 3 ? -EBUSY : 0;
}

TEST(a_walk_ends_when_told)
{
	void *blob = load();
	unsigned n = 0;

	EXPECT_EQ(dt_for_each_node(stop_at_third, &n), -EBUSY);
	EXPECT_EQ(n, 3);
	free(blob);
}

TEST(controllers_are_found)
{
	void *blob = load();

	/* Those of both harts, also of the disabled one; the PLIC, the APLIC, but not the one
	 * off. */
	EXPECT_EQ(intcs.nr, 4);
	EXPECT_EQ(dt_intc_by_phandle(&intcs, 0x10)->hartid, 0);
	EXPECT_EQ(dt_intc_by_phandle(&intcs, 0x17)->hartid, 7);
	EXPECT_EQ(dt_intc_by_phandle(&intcs, 0x20)->hartid, DT_NO_HART);
	EXPECT_EQ(dt_intc_by_phandle(&intcs, 0x30)->cells, 2);
	EXPECT(!dt_intc_by_phandle(&intcs, 0x40));
	EXPECT(!dt_intc_by_phandle(&intcs, 0));
	EXPECT_EQ(dt_node_by_phandle(0x20), dt_intc_by_phandle(&intcs, 0x20)->node);
	EXPECT(dt_node_by_phandle(0x40) > 0); /* disabled, but a node */
	EXPECT_EQ(dt_node_by_phandle(0x41), -ENOENT);
	EXPECT_EQ(dt_node_by_phandle(0), -ENOENT);
	free(blob);
}

TEST(contexts_of_a_plic)
{
	static const struct {
		u64 hartid;
		u32 cause;
		bool empty;
	} expected[] = { { 0, 11, false }, { 7, 11, false }, { 0, 0, true }, { 7, 9, false } };
	void *blob = load();
	struct dt_irq_iter it;
	struct dt_irq irq;
	unsigned n = 0;

	EXPECT_EQ(dt_irq_begin(&it, &intcs, dt_find_path("/interrupt-controller@c000000"), &err),
		  0);
	while (dt_irq_next(&it, &irq, &err) > 0 && n < ARRAY_SIZE(expected)) {
		EXPECT_EQ(!irq.parent, expected[n].empty);
		if (irq.parent) {
			EXPECT_EQ(irq.parent->hartid, expected[n].hartid);
			EXPECT_EQ(irq.cell[0], expected[n].cause);
		}
		n++;
	}
	EXPECT_EQ(n, 4);
	EXPECT_EQ(dt_irq_next(&it, &irq, &err), 0);
	EXPECT_EQ(get("/interrupt-controller@c000000", 2, &irq), -EINVAL);
	EXPECT_STR(err.text, "device tree: /interrupt-controller@c000000: entry 2 of "
			     "interrupts-extended is empty");
	free(blob);
}

TEST(a_parent_is_inherited)
{
	void *blob = load();
	struct dt_irq irq;

	EXPECT_EQ(get("/serial@1000", 0, &irq), 0);
	EXPECT_EQ(irq.parent->phandle, 0x20);
	EXPECT_EQ(irq.cell[0], 10);
	EXPECT_EQ(get("/two@2000", 1, &irq), 0);
	EXPECT_EQ(irq.parent->phandle, 0x30);
	EXPECT_EQ(irq.cell[0], 2);
	EXPECT_EQ(irq.cell[1], 1);
	EXPECT_EQ(get("/interrupt-controller@d000000/below@0", 0, &irq), 0);
	EXPECT_EQ(irq.parent->phandle, 0x30);
	EXPECT_EQ(irq.cell[0], 5);
	free(blob);
}

TEST(extended_entries_have_their_own_parents)
{
	void *blob = load();
	struct dt_irq irq;

	EXPECT_EQ(get("/mixed@3000", 0, &irq), 0);
	EXPECT_EQ(irq.parent->phandle, 0x20);
	EXPECT_EQ(irq.cell[0], 3);
	EXPECT_EQ(get("/mixed@3000", 1, &irq), 0);
	EXPECT_EQ(irq.parent->phandle, 0x30);
	EXPECT_EQ(irq.cell[0], 4);
	EXPECT_EQ(irq.cell[1], 8);
	EXPECT_EQ(get("/mixed@3000", 2, &irq), -ENOENT);
	EXPECT_STR(err.text, "device tree: /mixed@3000: interrupts-extended has no entry 2");
	free(blob);
}

TEST(what_makes_no_sense_is_said)
{
	void *blob = load();
	struct dt_irq irq;

	EXPECT_EQ(get("/none@4000", 0, &irq), -ENOENT);
	EXPECT_STR(err.text, "device tree: /none@4000: no interrupts");
	EXPECT_EQ(get("/cut@5000", 0, &irq), 0);
	EXPECT_EQ(get("/cut@5000", 1, &irq), -EINVAL);
	EXPECT_STR(err.text, "device tree: /cut@5000: interrupts ends inside an entry of 2 cells");
	EXPECT_EQ(get("/lost@6000", 0, &irq), -EINVAL);
	EXPECT_STR(err.text,
		   "device tree: /lost@6000: interrupt-parent 0x99 is no enabled interrupt "
		   "controller");
	EXPECT_EQ(get("/sleeping@7000", 0, &irq), -EINVAL);
	EXPECT_STR(err.text, "device tree: /sleeping@7000: interrupts-extended: 0x40 is no enabled "
			     "interrupt controller");
	EXPECT_EQ(get("/half@8000", 0, &irq), -EINVAL);
	EXPECT_STR(err.text, "device tree: /half@8000: interrupts-extended ends in half a cell");
	free(blob);
}
