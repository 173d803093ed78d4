/* All sessions of this process and what they share. Once a second it looks after each: pings,
 * missing pongs, expired tokens, connections that never said who they are, slow readers. Lives on
 * the hub's loop. */
#ifndef MH_HUB_SESSIONS_H
#define MH_HUB_SESSIONS_H

#include <stdbool.h>
#include <uv.h>

#include "hub/channel/channels.h"
#include "hub/session/gather.h"
#include "hub/session/review.h"
#include "hub/settings.h"
#include "hub/stats.h"
#include "shared/base/list.h"

struct sessions {
    const struct hub_settings *settings;
    struct hub_stats *stats;
    const struct workers *workers; /* of which this is one */
    struct channels *channels;
    struct presence *presence;
    const char *secret; /* that signs tokens; borrowed */
    size_t secret_length;
    struct list open;    /* struct session */
    struct list closing; /* told to end; their sockets are not gone yet */
    struct gathering gathering;
    struct review review;
    uv_timer_t second;
    bool draining;
    size_t drain_total, drain_closed; /* sessions at the beginning of the drain, and closed since */
};

/* 0 or a negative errno. */
MUST_CHECK int sessions_open(struct sessions *sessions, uv_loop_t *loop,
                             const struct hub_settings *settings, struct hub_stats *stats,
                             struct channels *channels, const char *secret, size_t secret_length);
/* New sessions are refused from now on. */
void sessions_drain(struct sessions *sessions);
/* Closes so many sessions with SHUTDOWN that `share` (0..1) of them have been; their sockets end by
 * themselves. */
void sessions_drain_step(struct sessions *sessions, double share);
/* Nobody is left, not even a socket. */
bool sessions_gone(const struct sessions *sessions);
/* Stops the timer; all sessions must be gone. */
void sessions_close(struct sessions *sessions);

#endif
