/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmalloc_util.c - what is made of kmalloc() and kfree(): changed sizes, copies, text
 *
 * What is allocated here has this file's call sites, whoever asked: copies share caches with
 * copies.
 */
#include <mm/kmalloc.h>

#include <stdio.h>
#include <string.h>

void *krealloc(const void *object, size_t size, gfp_t gfp)
{
	size_t has;
	void *moved;

	if (!size) {
		kfree(object);
		return ZERO_SIZE_PTR;
	}
	has = ksize(object);
	if (!has && !ZERO_OR_NULL_PTR(object)) /* was reported */
		return NULL;
	if (size <= has) {
		if (gfp & __GFP_ZERO) /* so that it's clear if it grows again */
			memset((char *)object + size, 0, has - size);
		return kasan_kmalloc((void *)object, size);
	}
	moved = kmalloc(size, gfp);
	if (moved && has) {
		memcpy(moved, object, has);
		kfree(object);
	}
	return moved;
}

void kfree_sensitive(const void *object)
{
	size_t bytes = ksize(object);

	if (!bytes) /* nothing, or it was reported */
		return;
	memset((void *)object, 0, bytes);
	__asm__ volatile("" ::"r"(object) : "memory"); /* somebody may read it */
	kfree(object);
}

char *kstrndup(const char *text, size_t max, gfp_t gfp)
{
	size_t bytes = text ? strnlen(text, max) : 0;
	char *copy = text ? kmalloc(bytes + 1, gfp) : NULL;

	if (copy) {
		memcpy(copy, text, bytes);
		copy[bytes] = '\0';
	}
	return copy;
}

char *kstrdup(const char *text, gfp_t gfp)
{
	return kstrndup(text, ~0UL >> 1, gfp);
}

void *kmemdup(const void *from, size_t bytes, gfp_t gfp)
{
	void *copy = from ? kmalloc(bytes, gfp) : NULL;

	return copy && bytes ? memcpy(copy, from, bytes) : copy;
}

char *kvasprintf(gfp_t gfp, const char *format, va_list args)
{
	va_list again;
	char *text;
	int bytes;

	va_copy(again, args);
	bytes = vsnprintf(NULL, 0, format, again);
	va_end(again);
	text = bytes < 0 ? NULL : kmalloc((size_t)bytes + 1, gfp);
	if (text)
		vsnprintf(text, (size_t)bytes + 1, format, args);
	return text;
}

char *kasprintf(gfp_t gfp, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = kvasprintf(gfp, format, args);
	va_end(args);
	return text;
}
