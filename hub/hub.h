/* The whole hub: puts feeds, channels, sessions and the server together on one loop and takes them
 * apart again in the right order. */
#ifndef MH_HUB_H
#define MH_HUB_H

#include <uv.h>

#include "hub/channel/channels.h"
#include "hub/presence/presence.h"
#include "hub/session/server.h"
#include "hub/settings.h"

struct hub {
    const struct hub_settings *settings;
    struct hub_stats *stats; /* in this worker's slot */
    struct partner_names names;
    struct feeds feeds;
    struct channels channels;
    struct presence *presence;
    struct sessions sessions;
    struct server *server;
    uv_timer_t drain;                    /* closes sessions, looks whether they have gone */
    int64_t drain_from_ms, drain_for_ms; /* monotonic; how long the closing is spread */
};

/* What main has made ready; it outlives the hub. */
struct hub_means {
    const struct hub_settings *settings;
    const struct workers *workers;
    const char *secret; /* signs tokens */
    size_t secret_length;
    struct tls *tls; /* NULL: none */
};

/* 0 or a negative errno: then hub_stop must be called and the loop run all the same. */
MUST_CHECK int hub_start(struct hub *hub, uv_loop_t *loop, const struct hub_means *means);
/* The settings have changed. */
void hub_reload(struct hub *hub);
/* Begins the end: not ready, no new connections; the sessions are told to reconnect, evenly over
 * drain_seconds, so that whoever takes them over is not stormed; then everything is closed and the
 * loop runs dry. */
void hub_stop(struct hub *hub);
/* After the loop has run dry. */
void hub_done(struct hub *hub);

#endif
