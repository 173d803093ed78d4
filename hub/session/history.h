/* The history command: rows of a log, as the channel log still holds them, of a subscription. One
 * question at a time per subscription. Owned by the subscription. */
#ifndef MH_HUB_HISTORY_H
#define MH_HUB_HISTORY_H

#include "hub/session/protocol.h"

struct feed_query;
struct subscription;

/* Rows of one answer, whatever the client asks for. */
#define HISTORY_MAX_ROWS 300

struct history {
    struct feed_query *query;
    uint32_t command_id;
    int64_t last; /* the newest row wanted */
    bool reverse;
};

/* Answers the command now or later. */
void history_begin(struct subscription *subscription, const struct command *command);
/* Drops a question under way, without an answer. */
void history_drop(struct history *history);

#endif
