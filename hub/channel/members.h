/* Who takes part in a thread, and from which row on. Immutable; owned by its channel. */
#ifndef MH_HUB_MEMBERS_H
#define MH_HUB_MEMBERS_H

#include <stddef.h>
#include <stdint.h>

#include "shared/access/channel_name.h"

struct member {
    char user[CHANNEL_ID_SIZE]; /* public id */
    int64_t joined_seq;
};

struct members {
    size_t count;
    struct member rows[]; /* by user, once sorted */
};

struct members *members_new(size_t capacity);
/* At most `capacity` times, before members_sort. */
void members_add(struct members *members, const char *user, int64_t joined_seq);
void members_sort(struct members *members);
/* NULL: takes no part. */
const struct member *members_find(const struct members *members, const char *user);

#endif
