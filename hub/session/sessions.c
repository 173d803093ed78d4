#include "hub/session/sessions.h"

#include "hub/session/session.h"
#include "shared/base/time.h"

static void on_second(uv_timer_t *timer)
{
    const struct sessions *sessions = timer->data;
    int64_t now_ms = time_monotonic_us() / 1000;
    LIST_FOR_EACH(link, next, &sessions->open)
    session_second(LIST_ITEM(link, struct session, link), now_ms);
}

int sessions_open(struct sessions *sessions, uv_loop_t *loop, const struct hub_settings *settings,
                  struct hub_stats *stats, struct channels *channels, const char *secret,
                  size_t secret_length)
{
    *sessions = (struct sessions){.settings = settings,
                                  .stats = stats,
                                  .channels = channels,
                                  .secret = secret,
                                  .secret_length = secret_length};
    list_init(&sessions->open);
    int error = uv_timer_init(loop, &sessions->second);
    if (error)
        return error;
    sessions->second.data = sessions;
    return uv_timer_start(&sessions->second, on_second, 1000, 1000);
}

void sessions_drain(struct sessions *sessions)
{
    sessions->draining = true;
    LIST_FOR_EACH(link, next, &sessions->open)
    session_close(LIST_ITEM(link, struct session, link), PROTOCOL_CLOSE_SHUTDOWN);
}

void sessions_close(struct sessions *sessions)
{
    uv_close((uv_handle_t *)&sessions->second, NULL);
}
