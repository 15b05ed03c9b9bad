/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_irq.c - interrupt controllers, and which of them a device's interrupts go to
 *
 * Facts: Devicetree Specification, "Interrupts and Interrupt Mapping"; the riscv,cpu-intc binding.
 * interrupt-map (PCI) isn't read.
 */
#include "internal.h"

#include <base/errno.h>
#include <lib/dt_irq.h>
#include <string.h>

/* Takes a property that dt_visit has a place for. */
static void note_prop(struct dt_visit *v, const struct dt_token *t)
{
	switch (t->name[0]) {
	case 'c':
		if (!strcmp(t->name, "compatible")) {
			v->compatible = (const char *)t->value;
			v->compatible_bytes = t->len;
		}
		break;
	case 'p':
		if (!strcmp(t->name, "phandle") && t->len == 4)
			v->phandle = dt_cell(t->value);
		break;
	case 's':
		if (!strcmp(t->name, "status"))
			v->enabled = v->enabled && dt_status_ok(t->value, t->len);
		break;
	case 'i':
		if (!strcmp(t->name, "interrupt-controller"))
			v->interrupt_controller = true;
		break;
	case '#':
		if (t->len == 4 && !strcmp(t->name, "#interrupt-cells"))
			v->interrupt_cells = dt_cell(t->value);
		break;
	default:
		break;
	}
}

int dt_for_each_node(int (*fn)(const struct dt_visit *v, void *arg), void *arg)
{
	struct {
		int node;
		bool enabled;
	} way[DT_MAX_DEPTH + 1] = { { -1, true } };
	int depth = 0, at = 0, code = 0; /* way[depth] is the node we're in */
	struct dt_token t;

	dt_next(&at, &t);
	while (t.tag != FDT_END && !code) {
		struct dt_visit v = { .node = t.offset };

		if (t.tag == FDT_END_NODE) {
			depth--;
			dt_next(&at, &t);
			continue;
		}
		v.parent = way[depth].node;
		v.enabled = way[depth].enabled;
		for (dt_next(&at, &t); t.tag == FDT_PROP; dt_next(&at, &t))
			note_prop(&v, &t);
		depth++;
		way[depth].node = v.node;
		way[depth].enabled = v.enabled;
		code = fn(&v, arg);
	}
	return code;
}

bool dt_visit_compatible(const struct dt_visit *v, const char *compatible)
{
	return v->compatible &&
	       dt_list_has((const u8 *)v->compatible, v->compatible_bytes, compatible);
}

bool dt_visit_intc(const struct dt_visit *v, struct dt_intc *out)
{
	const u8 *reg;
	int len;

	if (!v->interrupt_controller || !v->phandle)
		return false;
	*out = (struct dt_intc){ v->node, v->phandle, v->interrupt_cells, DT_NO_HART };
	if (!dt_visit_compatible(v, "riscv,cpu-intc"))
		return v->enabled;
	reg = dt_prop(v->parent, "reg", &len);
	if (!reg || (len != 4 && len != 8))
		return false;
	dt_read_number(&reg, (unsigned)len / 4, &out->hartid);
	return true;
}

const struct dt_intc *dt_intc_by_phandle(const struct dt_intcs *list, u32 phandle)
{
	for (unsigned i = 0; i < list->nr; i++) {
		if (list->entry[i].phandle == phandle)
			return &list->entry[i];
	}
	return NULL;
}

static int has_phandle(const struct dt_visit *v, void *arg)
{
	return v->phandle == *(const u32 *)arg ? v->node + 1 : 0;
}

int dt_node_by_phandle(u32 phandle)
{
	int found;

	if (!phandle || phandle == DT_NO_PHANDLE)
		return -ENOENT;
	found = dt_for_each_node(has_phandle, &phandle);
	return found ? found - 1 : -ENOENT;
}

static const struct dt_intc *intc_by_node(const struct dt_intcs *list, int node)
{
	for (unsigned i = 0; i < list->nr; i++) {
		if (list->entry[i].node == node)
			return &list->entry[i];
	}
	return NULL;
}

/* The controller of a node with `interrupts`: the nearest interrupt-parent on the way up, or
 * the nearest node above that is a controller itself. */
static int find_parent(const struct dt_intcs *list, int node, const struct dt_intc **out,
		       struct dt_error *err)
{
	int way[DT_MAX_DEPTH], depth;
	u32 phandle;

	way[0] = node;
	depth = dt_prop_u32(node, "interrupt-parent", &phandle) ? dt_ancestors(node, way) : 1;
	for (int i = depth - 1; i >= 0; i--) {
		if (i < depth - 1 && (*out = intc_by_node(list, way[i])) != NULL)
			return 0;
		if (dt_prop_u32(way[i], "interrupt-parent", &phandle))
			continue;
		*out = dt_intc_by_phandle(list, phandle);
		if (*out)
			return 0;
		return dt_fail_node(err, -EINVAL, way[i],
				    "interrupt-parent 0x%x is no enabled interrupt controller",
				    (unsigned)phandle);
	}
	return dt_fail_node(err, -EINVAL, node, "interrupts, but no interrupt-parent");
}

int dt_irq_begin(struct dt_irq_iter *it, const struct dt_intcs *list, int node,
		 struct dt_error *err)
{
	struct dt_want p[] = { { .name = "interrupts-extended" }, { .name = "interrupts" } };
	unsigned which;

	dt_props(node, p, ARRAY_SIZE(p));
	which = p[0].value ? 0 : 1;
	if (!p[which].value)
		return dt_fail_node(err, -ENOENT, node, "no interrupts");
	*it = (struct dt_irq_iter){ .list = list, .node = node, .prop = p[which].name };
	it->at = p[which].value;
	it->end = it->at + p[which].len;
	return which ? find_parent(list, node, &it->parent, err) : 0;
}

int dt_irq_next(struct dt_irq_iter *it, struct dt_irq *out, struct dt_error *err)
{
	size_t left = (size_t)(it->end - it->at);

	if (!left)
		return 0;
	*out = (struct dt_irq){ .parent = it->parent };
	if (!out->parent) {
		u32 phandle = left < 4 ? 0 : dt_cell(it->at);

		if (left < 4)
			return dt_fail_node(err, -EINVAL, it->node, "%s ends in half a cell",
					    it->prop);
		it->at += 4;
		left -= 4;
		if (!phandle || phandle == DT_NO_PHANDLE)
			return 1;
		out->parent = dt_intc_by_phandle(it->list, phandle);
		if (!out->parent)
			return dt_fail_node(err, -EINVAL, it->node,
					    "%s: 0x%x is no enabled interrupt controller", it->prop,
					    (unsigned)phandle);
	}
	if (out->parent->cells > DT_IRQ_CELLS || (it->parent && !out->parent->cells))
		return dt_fail_node(err, -EINVAL, out->parent->node, "#interrupt-cells is %u",
				    (unsigned)out->parent->cells);
	if (left < 4 * out->parent->cells)
		return dt_fail_node(err, -EINVAL, it->node, "%s ends inside an entry of %u cells",
				    it->prop, (unsigned)out->parent->cells);
	for (unsigned i = 0; i < out->parent->cells; i++, it->at += 4)
		out->cell[i] = dt_cell(it->at);
	return 1;
}

int dt_irq_get(const struct dt_intcs *list, int node, unsigned index, struct dt_irq *out,
	       struct dt_error *err)
{
	struct dt_irq_iter it;
	int code = dt_irq_begin(&it, list, node, err);

	if (code)
		return code;
	for (unsigned i = 0; i <= index; i++) {
		code = dt_irq_next(&it, out, err);
		if (code < 0)
			return code;
		if (!code)
			return dt_fail_node(err, -ENOENT, node, "%s has no entry %u", it.prop,
					    index);
	}
	return out->parent ? 0
			   : dt_fail_node(err, -EINVAL, node, "entry %u of %s is empty", index,
					  it.prop);
}
