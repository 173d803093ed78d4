#include "hub/hub.h"

#include "shared/base/log.h"
#include "shared/base/time.h"

#define DRAIN_STEP_MS 20
/* For the answer to those who were only just accepted. */
#define DRAIN_LEAST_MS 50
/* For clients to answer the close frame. */
#define DRAIN_GRACE_MS 3000

static void on_presence_message(void *owner, const char *channel, const char *bytes, size_t length)
{
    struct hub *hub = owner;
    presence_on_message(hub->presence, channel, bytes, length);
}

/* Everything that needs closing is opened whether or not what came before could start, so that
 * hub_stop finds the same things in either case. */
int hub_start(struct hub *hub, uv_loop_t *loop, const struct hub_means *means)
{
    const struct hub_settings *settings = means->settings;
    struct hub_stats *stats = workers_own_slot(means->workers);
    *hub = (struct hub){.settings = settings, .stats = stats};
    int errors[] = {
        uv_timer_init(loop, &hub->drain),
        feeds_open(&hub->feeds, loop, settings, stats, &hub->names),
        presence_open(loop, settings, stats, &hub->presence),
        channels_open(&hub->channels, loop, settings, stats, &hub->feeds, &hub->names),
        sessions_open(&hub->sessions, loop, settings, stats, &hub->channels, means->secret,
                      means->secret_length),
    };
    hub->drain.data = hub;
    hub->sessions.workers = means->workers;
    hub->sessions.presence = hub->presence;
    hub->feeds.on_presence = on_presence_message;
    hub->feeds.on_presence_owner = hub;
    for (size_t i = 0; i < ARRAY_LENGTH(errors); i++) {
        if (errors[i])
            return errors[i];
    }
    review_open(&hub->sessions.review, &hub->sessions, &hub->feeds);
    return server_open(loop, settings, means->tls, &hub->sessions, &hub->feeds, &hub->server);
}

void hub_reload(struct hub *hub)
{
    feeds_reload(&hub->feeds);
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
    review_close(&hub->sessions.review);
    presence_close(hub->presence);
    channels_close(&hub->channels, on_channels_closed, hub);
    uv_close((uv_handle_t *)&hub->drain, NULL);
}

static void on_drain(uv_timer_t *timer)
{
    struct hub *hub = timer->data;
    int64_t elapsed_ms = time_monotonic_us() / 1000 - hub->drain_from_ms;
    bool late = elapsed_ms > hub->drain_for_ms + DRAIN_GRACE_MS;
    sessions_drain_step(&hub->sessions, elapsed_ms < hub->drain_for_ms
                                            ? (double)elapsed_ms / (double)hub->drain_for_ms
                                            : 1);
    bool gone = sessions_gone(&hub->sessions);
    if (!late && (!gone || elapsed_ms < DRAIN_LEAST_MS))
        return;
    if (!gone)
        log_warning("%llu connections did not end in time",
                    (unsigned long long)hub->stats->connections);
    uv_timer_stop(timer);
    close_all(hub);
}

void hub_stop(struct hub *hub)
{
    hub->drain_from_ms = time_monotonic_us() / 1000;
    hub->drain_for_ms = hub->settings->drain_seconds * 1000;
    sessions_drain(&hub->sessions);
    server_drain(hub->server);
    uv_timer_start(&hub->drain, on_drain, 0, DRAIN_STEP_MS);
}

void hub_done(struct hub *hub)
{
    server_free(hub->server);
    presence_free(hub->presence);
    partner_names_done(&hub->names);
}
