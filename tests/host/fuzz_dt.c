/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_dt.c - anything at all as a device tree, through the boot list up to the zones
 *
 * Whatever the bytes are: no fault, no endless loop, lists that stay valid, zones that
 * lie in memory; and what dt_init accepts, libfdt's own full check accepts too.
 */
#include "harness.h"

#include <asm/memory.h>
#include <lib/dma_limit.h>
#include <lib/dt_irq.h>
#include <libfdt.h>
#include <mm/discover.h>
#include <mm/memblock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define REQUIRE(cond)                                                              \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                   \
		}                                                                  \
	} while (0)

/* An error has one sentence: it ends in the text, has no line break, and tells something. */
static void require_sentence(int code, const struct dt_error *err)
{
	REQUIRE(code < 0);
	REQUIRE(memchr(err->text, '\0', sizeof(err->text)));
	REQUIRE(strlen(err->text) > 15 && !strchr(err->text, '\n'));
}

static void check_zones(const struct zone_plan *plan)
{
	int i;

	REQUIRE(plan->nr_zones >= 1 && plan->nr_zones <= MAX_NR_ZONES);
	for (i = 0; i < plan->nr_zones; i++) {
		const struct zone_span *z = &plan->zone[i];

		REQUIRE(z->start < z->end && z->bytes <= z->end - z->start);
		REQUIRE(memblock_is_map_memory(z->start) && memblock_is_map_memory(z->end - 1));
		REQUIRE(!i || z->start >= z[-1].end);
	}
}

#define MAX_INTCS 64

static struct dt_intc intc[MAX_INTCS];
static struct dt_intcs intcs = { intc, 0 };

static int note_intc(const struct dt_visit *v, void *arg)
{
	(void)arg;
	if (intcs.nr < MAX_INTCS && dt_visit_intc(v, &intc[intcs.nr]))
		intcs.nr++;
	return 0;
}

/* Every interrupt of every node. */
static int read_irqs(const struct dt_visit *v, void *arg)
{
	struct dt_irq_iter it;
	struct dt_error err = { "" };
	struct dt_irq irq;
	int code = dt_irq_begin(&it, &intcs, v->node, &err);

	(void)arg;
	if (!code) {
		do
			code = dt_irq_next(&it, &irq, &err);
		while (code > 0);
	}
	if (code)
		require_sentence(code, &err);
	return 0;
}

static void check_irqs(void)
{
	intcs.nr = 0;
	REQUIRE(dt_for_each_node(note_intc, NULL) == 0);
	REQUIRE(dt_for_each_node(read_irqs, NULL) == 0);
}

static int boot(const void *blob, size_t size, struct dt_error *err)
{
	const struct dt_hart *harts;
	struct zone_wishes wish = { BIT_ULL(30), CORE_UNSET, CORE_UNSET, 0 };
	struct zone_plan plan;
	struct dt_console con;
	struct dt_error other;
	unsigned nr_harts;
	u32 timebase;
	int code = discover_memory(err);

	memblock_validate();
	if (!code)
		code = discover_reserve_dynamic(err);
	memblock_validate();
	if (dt_find_stdout(&con, &other))
		require_sentence(-1, &other);
	if (code)
		return code;
	host_memory_for_memblock();
	code = discover_harts(&harts, &nr_harts, &timebase, err);
	if (code)
		return code;
	REQUIRE(nr_harts > 0 && timebase > 0);
	code = discover_dma(err);
	if (!code)
		code = discover_zones(&wish, &plan, err);
	if (!code)
		check_zones(&plan);
	memblock_validate();
	return code;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dt_error err = { "" };
	void *blob = malloc(size ? size : 1); /* exactly as large, so that a byte more is seen */
	int code;

	memcpy(blob, data, size);
	memblock_reset();
	host_log_clear();
	code = dt_init(blob, size, &err);
	if (code) {
		require_sentence(code, &err);
		free(blob);
		return 0;
	}
	REQUIRE(fdt_check_full(blob, size) == 0);
	check_irqs();
	host_panic_expected = true;
	if (!setjmp(host_panic_jmp)) {
		code = boot(blob, size, &err);
		if (code)
			require_sentence(code, &err);
	} else {
		/* The only thing that may stop a boot this way: memory is full. */
		REQUIRE(strstr(host_panic_text, "memblock: no room for"));
	}
	free(blob);
	return 0;
}
