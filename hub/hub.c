#include "hub/hub.h"

#include "shared/base/log.h"
#include "shared/base/time.h"

#define DRAIN_MS 3000
#define DRAIN_LOOK_MS 20

int hub_start(struct hub *hub, uv_loop_t *loop, const struct hub_settings *settings,
              const char *secret, size_t secret_length)
{
    *hub = (struct hub){.settings = settings};
    hub_stats_init(&hub->stats);
    int error = uv_timer_init(loop, &hub->drain);
    hub->drain.data = hub;
    if (!error)
        error = feeds_open(&hub->feeds, loop, settings, &hub->stats, &hub->names);
    if (!error)
        error =
            channels_open(&hub->channels, loop, settings, &hub->stats, &hub->feeds, &hub->names);
    if (!error)
        error = sessions_open(&hub->sessions, loop, settings, &hub->stats, &hub->channels, secret,
                              secret_length);
    if (!error)
        error = server_open(loop, settings, &hub->sessions, &hub->feeds, &hub->server);
    return error;
}

static void on_channels_closed(void *owner)
{
    struct hub *hub = owner;
    feeds_close(&hub->feeds, NULL, NULL);
}

static void close_all(struct hub *hub)
{
    server_close(hub->server);
    sessions_close(&hub->sessions);
    channels_close(&hub->channels, on_channels_closed, hub);
    uv_close((uv_handle_t *)&hub->drain, NULL);
}

static void on_drain(uv_timer_t *timer)
{
    struct hub *hub = timer->data;
    bool late = time_monotonic_us() / 1000 > hub->drain_until_ms;
    if (!late && !list_empty(&hub->sessions.open))
        return;
    if (late)
        log_warning("%llu connections did not end in time",
                    (unsigned long long)hub->stats.connections);
    uv_timer_stop(timer);
    close_all(hub);
}

void hub_stop(struct hub *hub)
{
    hub->drain_until_ms = time_monotonic_us() / 1000 + DRAIN_MS;
    sessions_drain(&hub->sessions);
    uv_timer_start(&hub->drain, on_drain, 0, DRAIN_LOOK_MS);
}

void hub_done(struct hub *hub)
{
    server_free(hub->server);
    partner_names_done(&hub->names);
}
