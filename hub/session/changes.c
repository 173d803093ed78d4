#include "hub/session/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "shared/access/principal.h"
#include "shared/base/memory.h"

struct change {
    UT_hash_handle hh;
    struct list age;
    char user[PRINCIPAL_ID_SIZE];
    int64_t at_ms;
    unsigned round;
};

void changes_init(struct changes *changes)
{
    *changes = (struct changes){.since_ms = INT64_MAX, .round = 1};
    list_init(&changes->by_age);
}

static struct change *find(const struct changes *changes, const char *user)
{
    struct change *change;
    HASH_FIND_STR(changes->by_user, user, change);
    return change;
}

static void drop(struct changes *changes, struct change *change)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what is in the list is in the table */
    HASH_DELETE(hh, changes->by_user, change);
    list_remove(&change->age);
    changes->count--;
    free(change);
}

void changes_done(struct changes *changes)
{
    LIST_FOR_EACH(link, next, &changes->by_age)
    drop(changes, LIST_ITEM(link, struct change, age));
}

void changes_reset(struct changes *changes)
{
    changes_done(changes);
    changes->since_ms = INT64_MAX;
}

void changes_reach_back(struct changes *changes, int64_t since_ms)
{
    changes->since_ms = since_ms;
}

static struct change *add(struct changes *changes, const char *user)
{
    if (changes->count == CHANGES_MAX_USERS) {
        struct change *oldest = LIST_ITEM(changes->by_age.next, struct change, age);
        if (changes->since_ms <= oldest->at_ms)
            changes->since_ms = oldest->at_ms + 1;
        drop(changes, oldest);
    }
    struct change *change = memory_zalloc(sizeof(*change));
    (void)snprintf(change->user, sizeof(change->user), "%s", user);
    HASH_ADD_STR(changes->by_user, user, change);
    changes->count++;
    return change;
}

void changes_note(struct changes *changes, const char *user, int64_t now_ms)
{
    struct change *change = find(changes, user);
    if (change)
        list_remove(&change->age);
    else
        change = add(changes, user);
    change->at_ms = now_ms;
    change->round = changes->round;
    list_append(&changes->by_age, &change->age);
}

bool changes_named(const struct changes *changes, const char *user)
{
    const struct change *change = find(changes, user);
    return change && change->round == changes->round;
}

void changes_next_round(struct changes *changes)
{
    changes->round++;
}

void changes_forget(struct changes *changes, int64_t now_ms)
{
    int64_t since_ms = now_ms - CHANGES_KEEP_MS;
    if (changes->since_ms < since_ms)
        changes->since_ms = since_ms;
    LIST_FOR_EACH(link, next, &changes->by_age)
    {
        struct change *oldest = LIST_ITEM(link, struct change, age);
        if (oldest->at_ms + CHANGES_SKEW_MS >= since_ms)
            break;
        drop(changes, oldest);
    }
}

bool changes_doubt(const struct changes *changes, const char *user, int64_t issued_ms)
{
    if (changes->since_ms == INT64_MAX || issued_ms <= changes->since_ms + CHANGES_SKEW_MS)
        return true;
    const struct change *change = find(changes, user);
    return change && issued_ms <= change->at_ms + CHANGES_SKEW_MS;
}
