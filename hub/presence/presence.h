/* Who is subscribed to a channel, at all hubs together. The truth is in Redis, in what each hub
 * writes of its own subscriptions, and it holds only while that hub is alive there: a key with a
 * TTL that it refreshes at a third of it. Everything goes in batches, pipelined, over one link.
 *
 *   presence:hubs                     set of hubs' ids
 *   presence:alive:<hub>              expires: the hub has died
 *   presence:gone:<hub>               some hub has taken over to clear up after it
 *   presence:channels:<hub>           set of channels in which it has clients
 *   presence:channel:<channel>        set of hubs that have clients in it
 *   presence:s:<channel>:<hub>        hash of its staff clients: user/client -> name
 *   presence:m:<channel>:<hub>        the same of all others; in a thread, of everybody
 *
 * (each after redis_prefix). Staff see both hashes, others the second: the filter of members is
 * which key is read. Joins and leaves travel as messages on `presence:<channel>`: hints, lost where
 * nobody listens; who must know asks. A hub that finds another dead sends the leaves of its
 * clients. While Redis is away, or refuses writes, presence is not available and everything else
 * goes on; afterwards all is written anew.
 *
 * Entries belong to subscriptions. Lives on the hub's loop. */
#ifndef MH_HUB_PRESENCE_H
#define MH_HUB_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "hub/settings.h"
#include "hub/stats.h"
#include "shared/base/buffer.h"
#include "shared/base/frame.h"

struct presence;
struct presence_entry;

/* Clients in the answer to `presence`; presence_stats counts all. */
#define PRESENCE_MAX_LISTED 1000
/* Questions of one subscription that wait for their answers. */
#define PRESENCE_MAX_QUESTIONS 16

struct presence_ops {
    /* Joins and leaves, each a push, in one frame; borrowed. */
    void (*push)(void *owner, struct frame *frame);
    /* `members`: the JSON members of the reply; NULL: not available. */
    void (*answer)(void *owner, uint32_t id, bool stats, const struct buffer *members);
};

struct presence_who {
    const char *client, *user, *name;
    bool hidden;   /* from those who do not see everybody */
    bool sees_all; /* also who is hidden */
    bool watches;  /* wants joins and leaves */
};

/* 0 or a negative errno; *ret_presence is set in either case. Starts connecting. */
MUST_CHECK int presence_open(uv_loop_t *loop, const struct hub_settings *settings,
                             struct hub_stats *stats, struct presence **ret_presence);
/* Takes this hub's clients back, as far as that can be done at once; entries may still leave. */
void presence_close(struct presence *presence);
/* After the loop has run dry. NULL-safe. */
void presence_free(struct presence *presence);

struct presence_entry *presence_join(struct presence *presence, const char *channel,
                                     const struct presence_who *who, const struct presence_ops *ops,
                                     void *owner);
/* Open questions are dropped. NULL-safe. */
void presence_leave(struct presence_entry *entry);
bool presence_sees_all(const struct presence_entry *entry);
/* Who is there, or with `stats` how many: ops->answer is called, now or later. */
void presence_ask(struct presence_entry *entry, uint32_t id, bool stats);
/* A message on the Redis channel `presence:<channel>`. */
void presence_on_message(struct presence *presence, const char *channel_name, const char *bytes,
                         size_t length);

#endif
