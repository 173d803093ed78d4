/* One session's subscription to one channel: answers the subscribe command when the channel has its
 * state (with what the client missed, or the state), then carries publications. A reader that is
 * too slow skips publications and gets a state instead once it has caught up. Owned by its session.
 */
#ifndef MH_HUB_SUBSCRIPTION_H
#define MH_HUB_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/channel/channel.h"
#include "hub/session/protocol.h"

struct session;

struct subscription {
    struct list link;
    struct session *session;
    struct subscriber subscriber;
    char name[CHANNEL_NAME_SIZE];
    uint32_t command_id; /* to be answered; 0: done */
    int64_t asked_ms;    /* monotonic */
    bool recover;
    int64_t offset;
    char epoch[VIEW_EPOCH_SIZE];
    size_t epoch_length;
    bool folded; /* publications were left out */
};

struct subscription *subscription_find(const struct session *session, const char *name,
                                       size_t length);
/* The channel is valid and may be seen with `mask`. Answers the command now or later. */
void subscription_begin(struct session *session, const struct command *command,
                        const struct channel_name *parsed, uint32_t mask);
/* Detaches and frees; says nothing to the client. */
void subscription_end(struct subscription *subscription);
/* Tells the client that it is over, with the code, and ends it. */
void subscription_revoke(struct subscription *subscription, enum protocol_unsubscribe code);
/* Gives up on a channel that does not load. */
void subscription_second(struct subscription *subscription, int64_t now_ms);
/* The reader has caught up: makes up for what was left out. */
void subscription_unfold(struct subscription *subscription);

#endif
