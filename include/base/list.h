/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.h - circular doubly linked lists, with Linux's names
 *
 * A head points to itself when empty. The caller serialises.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <base/compiler.h>

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)     \
	{                        \
		&(name), &(name) \
	}
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

/* Put @item between @prev and @prev->next. */
static inline void list_add(struct list_head *item, struct list_head *prev)
{
	item->next = prev->next;
	item->prev = prev;
	prev->next->prev = item;
	prev->next = item;
}

static inline void list_add_tail(struct list_head *item, struct list_head *head)
{
	list_add(item, head->prev);
}

static inline void list_del(struct list_head *item)
{
	item->next->prev = item->prev;
	item->prev->next = item->next;
}

/* Also usable when @item may be asked again whether it's on a list. */
static inline void list_del_init(struct list_head *item)
{
	list_del(item);
	INIT_LIST_HEAD(item);
}

/* Move all of @from to the end of @to; @from is empty after. */
static inline void list_splice_tail_init(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	INIT_LIST_HEAD(from);
}

#define list_entry(item, type, member)	     container_of(item, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)

#define list_for_each_entry(pos, head, member)                                               \
	for (pos = list_first_entry(head, __typeof__(*pos), member); &pos->member != (head); \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))

/* @pos may be removed in the body. */
#define list_for_each_entry_safe(pos, after, head, member)                  \
	for (pos = list_first_entry(head, __typeof__(*pos), member),        \
	    after = list_entry(pos->member.next, __typeof__(*pos), member); \
	     &pos->member != (head);                                        \
	     pos = after, after = list_entry(after->member.next, __typeof__(*pos), member))

#endif
