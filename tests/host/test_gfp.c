/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_gfp.c - gfp flags in words
 */
#include "harness.h"

#include <mm/gfp.h>

#include <string.h>

TEST(gfp_in_words)
{
	char text[GFP_TEXT_LEN], small[8];

	EXPECT_EQ(GFP_KERNEL, __GFP_WAIT | __GFP_IO | __GFP_FS);
	EXPECT_STR(gfp_describe(0, text, sizeof(text)), "0");
	EXPECT_STR(gfp_describe(GFP_KERNEL, text, sizeof(text)), "GFP_KERNEL");
	EXPECT_STR(gfp_describe(GFP_HIGHUSER_MOVABLE, text, sizeof(text)), "GFP_HIGHUSER_MOVABLE");
	EXPECT_STR(gfp_describe(GFP_NOIO | GFP_DMA, text, sizeof(text)), "GFP_NOIO|__GFP_DMA");
	EXPECT_STR(gfp_describe(0x80000001, text, sizeof(text)), "__GFP_DMA|0x80000000");
	EXPECT_STR(gfp_describe(GFP_KERNEL, small, sizeof(small)), "GFP_KER");
	EXPECT(strlen(gfp_describe(~0U, text, sizeof(text))) + 1 < GFP_TEXT_LEN);
	for (unsigned bit = 0; bit < 21; bit++)
		EXPECT(!strstr(gfp_describe(1U << bit, text, sizeof(text)), "0x"));
}
