/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_folio_release.c - test_folio once more, without the checks of CONFIG_DEBUG_VM
 */
#undef CONFIG_DEBUG_VM
#include "../../mm/folio.c"
#include "../../mm/page_alloc.c"
#include "../../mm/page_exact.c"

#include "test_folio.c"
