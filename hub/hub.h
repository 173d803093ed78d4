/* The whole hub: puts feeds, channels, sessions and the server together on one loop and takes them
 * apart again in the right order. */
#ifndef MH_HUB_H
#define MH_HUB_H

#include <uv.h>

#include "hub/channel/channels.h"
#include "hub/session/server.h"
#include "hub/settings.h"

struct hub {
    const struct hub_settings *settings;
    struct hub_stats stats;
    struct partner_names names;
    struct feeds feeds;
    struct channels channels;
    struct sessions sessions;
    struct server *server;
    uv_timer_t drain; /* looks whether the sessions have gone */
    int64_t drain_until_ms;
};

/* `secret` signs tokens; it and the settings must outlive the hub. 0 or a negative errno: then
 * hub_stop must be called and the loop run all the same. */
MUST_CHECK int hub_start(struct hub *hub, uv_loop_t *loop, const struct hub_settings *settings,
                         const char *secret, size_t secret_length);
/* Begins the end: not ready, no new connections, sessions told to reconnect; then everything is
 * closed and the loop runs dry. */
void hub_stop(struct hub *hub);
/* After the loop has run dry. */
void hub_done(struct hub *hub);

#endif
