#include "hub/hub.h"

#include "shared/base/log.h"
#include "shared/base/time.h"

#define DRAIN_MS 3000
#define DRAIN_LOOK_MS 20

/* Everything that needs closing is opened whether or not what came before could start, so that
 * hub_stop finds the same things in either case. */
int hub_start(struct hub *hub, uv_loop_t *loop, const struct hub_settings *settings,
              const char *secret, size_t secret_length)
{
    *hub = (struct hub){.settings = settings};
    hub_stats_init(&hub->stats);
    int errors[] = {
        uv_timer_init(loop, &hub->drain),
        feeds_open(&hub->feeds, loop, settings, &hub->stats, &hub->names),
        channels_open(&hub->channels, loop, settings, &hub->stats, &hub->feeds, &hub->names),
        sessions_open(&hub->sessions, loop, settings, &hub->stats, &hub->channels, secret,
                      secret_length),
    };
    hub->drain.data = hub;
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
        if (errors[i])
            return errors[i];
    }
    return server_open(loop, settings, &hub->sessions, &hub->feeds, &hub->server);
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
