/* One Redis connection that keeps itself alive on the loop. A link that subscribes can do nothing
 * else (RESP2): open one link to subscribe and another to publish. Redis is never the truth: what
 * is published while the link is down is dropped, and a subscriber is told about each gap through
 * on_state. A subscriber proves itself alive by publishing to, and hearing, a heartbeat channel
 * (PING does not answer in subscribe mode). The only folder that includes hiredis. */
#ifndef MH_REDIS_LINK_H
#define MH_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/base/base.h"

struct redis_link;

struct redis_link_options {
    const char *url;     /* redis://[user:password@]address:port[/db] or unix:///path; copied */
    const char *name;    /* CLIENT SETNAME and log id; copied */
    const char *prefix;  /* put before every channel and pattern, and cut from what arrives */
    const char *pattern; /* PSUBSCRIBE to it: makes this a subscribing link; NULL: publishing */
    void (*on_state)(void *owner, bool up);
    /* Bytes are borrowed during the call. */
    void (*on_message)(void *owner, const char *channel, const char *bytes, size_t length);
    void *owner;
};

/* 0, -EINVAL (not a URL) or a negative errno. Starts connecting; never blocks. */
MUST_CHECK int redis_link_open(uv_loop_t *loop, const struct redis_link_options *options,
                               struct redis_link **ret_link);
void redis_link_close(struct redis_link *link, void (*on_closed)(void *owner), void *owner);
bool redis_link_up(const struct redis_link *link);
/* 0, or -ENOTCONN, or -ENOBUFS when too much is unsent; the caller counts and goes on. */
MUST_CHECK int redis_link_publish(struct redis_link *link, const char *channel, const void *bytes,
                                  size_t length);

#endif
