/* One Redis connection that keeps itself alive on the loop. A link that subscribes can do nothing
 * else (RESP2): open one link to subscribe and another to publish. Redis is never the truth: what
 * is published while the link is down is dropped, and a subscriber is told about each gap through
 * on_state. Every 2 s a link asks for a sign of life, and gives its server up when three got none:
 * a publishing link by PING, a subscribing one by subscribing to its pattern once more, which
 * changes nothing and is confirmed on the same connection (hiredis 0.14 loses the answer to PING
 * there). With sentinels each attempt asks them anew, and only a server that says that it is the
 * master will do. The only folder that includes hiredis. */
#ifndef MH_REDIS_LINK_H
#define MH_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/base/base.h"
#include "shared/redis/redis_value.h"

struct redis_link;

/* The answer to a command, an error among them; NULL: the link went down or was closed, and nobody
 * knows whether it was carried out. */
typedef void redis_reply_fn(void *owner, const struct redis_value *reply);

struct redis_link_options {
    const char *url;     /* see redis_url.h; copied */
    const char *name;    /* CLIENT SETNAME and log id; copied */
    const char *prefix;  /* put before every channel and pattern, and cut from what arrives */
    const char *pattern; /* PSUBSCRIBE to it: makes this a subscribing link; NULL: publishing */
    /* Or NULL. Up: signed in, and subscribed if so asked. Down: only after up. Never called from
     * within redis_link_open or redis_link_close. */
    void (*on_state)(void *owner, bool up);
    /* Bytes are borrowed during the call. */
    void (*on_message)(void *owner, const char *channel, const char *bytes, size_t length);
    void *owner;
};

/* Bytes of messages and commands that Redis has not acknowledged yet; past it, both fail. */
#define REDIS_LINK_MAX_UNACKNOWLEDGED ((size_t)8 << 20)

/* 0, -EINVAL (not a URL) or a negative errno. Starts connecting; never blocks. Why a connection was
 * lost or refused is logged, rate-limited. */
MUST_CHECK int redis_link_open(uv_loop_t *loop, const struct redis_link_options *options,
                               struct redis_link **ret_link);
/* `on_closed` (may be NULL) when the memory is gone. Allowed in any callback of the link.
 * NULL-safe. */
void redis_link_close(struct redis_link *link, void (*on_closed)(void *owner), void *owner);
bool redis_link_up(const struct redis_link *link);
/* 0, or -ENOTCONN, or -ENOBUFS when too much is unsent; the caller counts and goes on. */
MUST_CHECK int redis_link_publish(struct redis_link *link, const char *channel, const void *bytes,
                                  size_t length);
/* Of a publishing link. Answers come in the order of the commands and every command gets one, also
 * when the link goes down or is closed, before `on_closed`; never from within this call. The prefix
 * is the caller's to put before its keys. `on_reply` may be NULL. 0, or as above. */
MUST_CHECK int redis_link_command(struct redis_link *link, int count, const char *const words[],
                                  const size_t lengths[], redis_reply_fn *on_reply, void *owner);

#endif
