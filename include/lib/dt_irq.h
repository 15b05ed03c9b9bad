/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_irq.h - interrupt controllers and interrupts in the device tree
 *
 * A controller is a node with the property interrupt-controller; devices name it by phandle, in
 * interrupts-extended (phandle and specifier, each entry its own controller) or with interrupts
 * (specifiers only) below an interrupt-parent.  A specifier is #interrupt-cells cells, which only
 * the controller's driver understands.  Each hart has a controller too ("riscv,cpu-intc"), a child
 * of the hart's node: what reaches it is what a PLIC or an IMSIC drives.
 *
 * The tree is walked once (dt_for_each_node); the controllers found there are handed to the
 * functions below, so nothing here searches the tree for a phandle.
 */
#ifndef LIB_DT_IRQ_H
#define LIB_DT_IRQ_H

#include <lib/dt.h>

#define DT_IRQ_CELLS  4 /* of a specifier, at most */
#define DT_NO_HART    (~0ull)
#define DT_NO_PHANDLE 0xffffffffu

/* A node, while the walk is there. */
struct dt_visit {
	int node;
	int parent;		/* -1: the root's */
	const char *compatible; /* NULL: none */
	int compatible_bytes;
	u32 phandle;	     /* 0: none */
	u32 interrupt_cells; /* #interrupt-cells, 0 if it isn't there */
	bool interrupt_controller;
	bool enabled; /* it and all above it */
};

/* dt_for_each_node - call @fn for every node in tree order, until it returns non-zero, which is
 * returned then. */
int dt_for_each_node(int (*fn)(const struct dt_visit *v, void *arg), void *arg);

/* dt_node_by_phandle - the node, enabled or not, or -ENOENT.  Walks the tree. */
int dt_node_by_phandle(u32 phandle) __must_check;

/* dt_visit_compatible - one of the node's compatible strings is @compatible. */
bool dt_visit_compatible(const struct dt_visit *v, const char *compatible);

struct dt_intc {
	int node;
	u32 phandle;
	u32 cells;  /* of a specifier */
	u64 hartid; /* whose own controller it is; DT_NO_HART: a device */
};

struct dt_intcs {
	struct dt_intc *entry;
	unsigned nr;
};

/* dt_visit_intc - describe the controller that @v is; false if it is none that can be named.  A
 * disabled one is none, but for harts' own: a PLIC names those of harts that aren't used, too. */
bool dt_visit_intc(const struct dt_visit *v, struct dt_intc *out);

/* dt_intc_by_phandle - the controller, or NULL. */
const struct dt_intc *dt_intc_by_phandle(const struct dt_intcs *list, u32 phandle);

/* One interrupt of a device. */
struct dt_irq {
	const struct dt_intc *parent; /* NULL: the entry is empty (phandle 0 or 0xffffffff) */
	u32 cell[DT_IRQ_CELLS];	      /* parent->cells of them */
};

struct dt_irq_iter {
	const struct dt_intcs *list;
	int node;
	const char *prop;
	const u8 *at, *end;
	const struct dt_intc *parent; /* of all (interrupts), or NULL (interrupts-extended) */
};

/*
 * dt_irq_begin - start reading the interrupts of @node
 * 0; -ENOENT if it has none; -EINVAL if its parent can't be found, with a sentence in @err.
 * Walks the tree from its root if @node itself doesn't say interrupt-parent.
 */
int dt_irq_begin(struct dt_irq_iter *it, const struct dt_intcs *list, int node,
		 struct dt_error *err) __must_check;

/* dt_irq_next - 1 with the next one in @out, 0 at the end, -EINVAL. */
int dt_irq_next(struct dt_irq_iter *it, struct dt_irq *out, struct dt_error *err) __must_check;

/* dt_irq_get - number @index of @node's interrupts: 0, -ENOENT if there are fewer, -EINVAL. */
int dt_irq_get(const struct dt_intcs *list, int node, unsigned index, struct dt_irq *out,
	       struct dt_error *err) __must_check;

#endif
