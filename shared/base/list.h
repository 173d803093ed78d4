/* Intrusive doubly linked list. An object sits in at most one list per link; a link that is in no
 * list points to itself, so that removing twice is harmless. */
#ifndef MH_LIST_H
#define MH_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/base.h"

struct list {
    struct list *next, *previous;
};

static inline void list_init(struct list *list)
{
    list->next = list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_append(struct list *list, struct list *link)
{
    link->previous = list->previous;
    link->next = list;
    list->previous->next = link;
    list->previous = link;
}

static inline void list_remove(struct list *link)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it cannot know that neighbours are alive */
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

#define LIST_ITEM(link, type, member) CONTAINER_OF(link, type, member)

/* The loop variable is a `struct list *`; `next` is read ahead, so the current item may be removed
 * or freed, but no other. */
#define LIST_FOR_EACH(link, next_link, head)                                                       \
    for (struct list *link = (head)->next, *next_link = link->next; link != (head);                \
         link = next_link, next_link = link->next)

#endif
