/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_page_release.c - test_page_alloc once more, with the checks that a release kernel makes
 *
 * Without CONFIG_DEBUG_VM nothing but the block word stands between a wrong free and
 * the lists.
 */
#undef CONFIG_DEBUG_VM
#include "../../mm/page_alloc.c"

#include "test_page_alloc.c"
