/* Asks Redis Sentinels where the master is: one at a time, in turn, each over a connection of its
 * own that ends with the answer. What is answered may be out of date; the asker verifies it. Owned
 * by a redis_link, whose timer says when a question has taken too long. */
#ifndef MH_REDIS_SENTINEL_H
#define MH_REDIS_SENTINEL_H

#include <uv.h>

#include "shared/redis/redis_url.h"

struct redis_sentinel;

struct redis_sentinel_options {
    const struct redis_url *url; /* borrowed */
    /* The end of a question: the master, or NULL and why there is none. May ask again or free the
     * asker. */
    void (*on_answer)(void *owner, const struct redis_address *master, const char *reason);
    void *owner;
};

struct redis_sentinel *redis_sentinel_new(uv_loop_t *loop,
                                          const struct redis_sentinel_options *options);
/* Starts to ask the next sentinel; on_answer follows, never from within. 0 or a negative errno:
 * this one cannot even be tried. No question may be open. */
MUST_CHECK int redis_sentinel_ask(struct redis_sentinel *sentinel);
/* Drops the open question, if any. */
void redis_sentinel_cancel(struct redis_sentinel *sentinel);
/* NULL-safe. */
void redis_sentinel_free(struct redis_sentinel *sentinel);

#endif
