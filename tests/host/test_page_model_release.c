/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_model_release.c - test_page_model with the checks that a release kernel makes
 *
 * So what goes to a hart's lists isn't looked at closely, and many pages at once are hits.
 */
#undef CONFIG_DEBUG_VM
#include "../../mm/page_alloc.c"
#include "../../mm/page_bulk.c"
#include "../../mm/page_exact.c"

#define BOARDS (sizeof(long) == 8 ? 50 : 5)
#include "test_page_model.c"
