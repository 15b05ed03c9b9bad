/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * migrate.h - moving pages whose owner can do without the old one
 *
 * An owner allocates single pages with __GFP_MOVABLE and says of each what moves it:
 *
 *     page = alloc_page(GFP_HIGHUSER_MOVABLE);
 *     page->index = ...;                     whatever finds the page's place again
 *     __SetPageMovable(page, &my_ops);
 *
 * From then on strangers find the page and take references to it, so all of them are dropped
 * atomically (PG_found, which stays until the page is free).
 *
 *           owner's      isolate_page()       migrate_page() = 0        put_page()
 *     page ------------> isolated, next/prev --------------------> src ------------> free
 *             ^              | the migrator's         dst: the owner's
 *             |              |
 *             +--------------+  putback_page(), after an error or another's change of mind
 *
 * References: the owner has one; isolating takes one; migrate_page() takes the owner's of dst and
 * drops the owner's of src.  An owner may free a page at any time, isolated or not:
 * __ClearPageMovable(), then put_page(); the page is free when the migrator drops its own.
 * isolate_page() may still come for such a page, and then says no.
 */
#ifndef MM_MIGRATE_H
#define MM_MIGRATE_H

#include <mm/page_flags.h>
#include <mm/page_list.h>

typedef unsigned isolate_mode_t;
#define ISOLATE_ASYNC_MIGRATE 4U /* what would have to wait is left */

enum migrate_mode {
	MIGRATE_ASYNC,	    /* doesn't wait: -EAGAIN instead */
	MIGRATE_SYNC_LIGHT, /* may wait, but not for a device */
	MIGRATE_SYNC,
};

enum migrate_reason { MR_COMPACTION, MR_CONTIG_RANGE, MR_SYSCALL };

#define MIGRATEPAGE_SUCCESS 0

/* What an owner of movable pages can do.  All are called with the page's lock held and no spin
 * lock, where the caller may sleep. */
struct movable_operations {
	/* isolate_page - the owner lets go of @page until it's moved or put back: true; or it
	 * keeps it, now or for ever: false.  next and prev are the caller's then.  It doesn't
	 * sleep. */
	bool (*isolate_page)(struct page *page, isolate_mode_t mode);
	/*
	 * migrate_page - @dst takes @src's place: contents, index, __SetPageMovable(), a
	 * reference for the owner, whose reference to @src is dropped.
	 * 0; -EAGAIN: try again; another error: not now.  After an error nothing has changed.
	 */
	int (*migrate_page)(struct page *dst, struct page *src, enum migrate_mode mode);
	/* putback_page - @page was not moved, and is the owner's again. */
	void (*putback_page)(struct page *page);
};

/*
 * __SetPageMovable - @page, a single page whose only reference is the caller's, can be moved
 * __ClearPageMovable - it can't any more; stays PG_found.  The owner's lock keeps these and its
 * isolate_page() apart.
 */
void __SetPageMovable(struct page *page, const struct movable_operations *ops);
void __ClearPageMovable(struct page *page);

/* page_movable_ops - of a page that is pinned or the caller's; NULL: it isn't movable. */
static inline const struct movable_operations *page_movable_ops(const struct page *page)
{
	unsigned long word = (unsigned long)READ_ONCE(page->mapping);

	if (!page_flag(page, PG_found) || (word & PAGE_MAPPING_FLAGS) != PAGE_MAPPING_MOVABLE)
		return NULL;
	return (const struct movable_operations *)(word & ~PAGE_MAPPING_FLAGS);
}

static inline bool PageMovable(const struct page *page)
{
	return page_movable_ops(page) != NULL;
}

/* isolate_movable_page - take @page, any page at all, from its owner; true: with a reference, and
 * the caller migrates it or puts it back.  May sleep if isolate_page() does. */
bool isolate_movable_page(struct page *page, isolate_mode_t mode);

/* putback_movable_page(s) - give isolated pages back to their owners.  May sleep. */
void putback_movable_page(struct page *page);
void putback_movable_pages(struct page_list *list);

/* Where the pages come from that others move to, with one reference each; and where they go
 * again if that fails (NULL: to the allocator). */
typedef struct page *new_page_t(struct page *page, unsigned long private);
typedef void free_page_t(struct page *page, unsigned long private);

/*
 * migrate_pages - move the isolated pages on @from
 * Those that moved are off the list; the others stay on it, and the caller puts them back.
 * How many stay, or -ENOMEM when @get_new had no more.  May sleep.
 */
int migrate_pages(struct page_list *from, new_page_t *get_new, free_page_t *put_new,
		  unsigned long private, enum migrate_mode mode, enum migrate_reason reason);

#endif
