#include "hub/channel/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

struct members *members_new(size_t capacity)
{
    return memory_zalloc(sizeof(struct members) + capacity * sizeof(struct member));
}

void members_add(struct members *members, const char *user, int64_t joined_seq)
{
    struct member *member = &members->rows[members->count++];
    (void)snprintf(member->user, sizeof(member->user), "%s", user);
    member->joined_seq = joined_seq;
}

static int by_user(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    return strcmp(a->user, b->user);
}

void members_sort(struct members *members)
{
    qsort(members->rows, members->count, sizeof(struct member), by_user);
}

static int compare_user(const void *key, const void *row)
{
    const struct member *member = row;
    return strcmp(key, member->user);
}

const struct member *members_find(const struct members *members, const char *user)
{
    return bsearch(user, members->rows, members->count, sizeof(struct member), compare_user);
}
