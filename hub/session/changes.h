/* Whose access changed lately, so that tokens from before can be told: what such a token says is
 * asked of Postgres before it is believed. Reaches back as far as tokens usually live, and holds so
 * many people that a change of a whole partner fits; of what it does not know it has doubts. No
 * loop, no clock of its own. */
#ifndef MH_HUB_CHANGES_H
#define MH_HUB_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/list.h"

/* A token's usual life, and the time that clocks may differ. */
#define CHANGES_KEEP_MS (INT64_C(15) * 60 * 1000)
#define CHANGES_SKEW_MS 5000
#define CHANGES_MAX_USERS 50000

struct change;

struct changes {
    struct change *by_user;
    struct list by_age; /* struct change, the oldest first */
    unsigned count;
    unsigned round;   /* see changes_named */
    int64_t since_ms; /* all changes from then on are here; INT64_MAX: nothing is known */
};

void changes_init(struct changes *changes);
void changes_done(struct changes *changes);
/* Everything is forgotten, and nothing is known. */
void changes_reset(struct changes *changes);
/* What changed from then on has been noted, or will be. */
void changes_reach_back(struct changes *changes, int64_t since_ms);
/* The user's access changed no later than now. */
void changes_note(struct changes *changes, const char *user, int64_t now_ms);
/* Whether the user was noted since changes_next_round. */
bool changes_named(const struct changes *changes, const char *user);
void changes_next_round(struct changes *changes);
/* Now and then: what is old goes. */
void changes_forget(struct changes *changes, int64_t now_ms);
/* May something have changed for the user since then? */
bool changes_doubt(const struct changes *changes, const char *user, int64_t issued_ms);

#endif
