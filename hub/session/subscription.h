/* One session's subscription to one channel: answers the subscribe command when the channel is
 * ready (with what the client missed, or the state), then carries publications. Patches of a state
 * that come while the reader has not taken all that was sent are left out; once it has, one patch
 * makes up for them. Rows of a log are never left out. Owned by its session. */
#ifndef MH_HUB_SUBSCRIPTION_H
#define MH_HUB_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/channel/channel.h"
#include "hub/session/history.h"
#include "hub/session/protocol.h"

struct session;

struct subscription {
    struct list link;
    struct session *session;
    struct subscriber subscriber;
    char name[CHANNEL_NAME_SIZE];
    uint32_t command_id; /* to be answered; 0: done */
    int64_t asked_ms;    /* monotonic */
    char *epoch;         /* that the client named; NULL once answered */
    struct history history;
    bool stopped;                    /* its session is closing */
    bool join_leave;                 /* wants to be told who comes and goes */
    struct presence_entry *presence; /* NULL until it is ready */
    int64_t folded_from;             /* offset that the client has; -1: it has everything */
};

struct subscription *subscription_find(const struct session *session, const char *name,
                                       size_t length);
/* The channel is valid and may be seen with `mask`. Answers the command now or later. */
void subscription_begin(struct session *session, const struct command *command,
                        const struct channel_name *parsed, uint32_t mask);
/* Detaches; says nothing to the client. Harmless when it is stopped already. */
void subscription_stop(struct subscription *subscription);
/* The same, and frees. */
void subscription_end(struct subscription *subscription);
/* Tells the client that it is over, with the code, and ends it. */
void subscription_revoke(struct subscription *subscription, enum protocol_unsubscribe code);
/* The session has a new principal: those go on that show the same fields as before, the others are
 * taken back. */
void subscriptions_review(struct session *session);
/* Gives up on a channel that does not load. */
void subscription_second(struct subscription *subscription, int64_t now_ms);
/* Sends all that was published, so that something may be said about the position. */
void subscription_catch_up(struct subscription *subscription);
/* The reader has caught up: makes up for what was left out. */
void subscription_unfold(struct subscription *subscription);

#endif
