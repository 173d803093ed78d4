#include "hub/session/sessions.h"

#include <math.h>

#include "hub/session/session.h"
#include "shared/base/time.h"

static void on_second(uv_timer_t *timer)
{
    struct sessions *sessions = timer->data;
    int64_t now_ms = time_monotonic_us() / 1000;
    review_second(&sessions->review);
    LIST_FOR_EACH(link, next, &sessions->open)
    session_second(LIST_ITEM(link, struct session, link), now_ms);
}

/* What channels had to say in this turn goes out. */
static void on_turn(void *owner)
{
    struct sessions *sessions = owner;
    struct list *waiting = &sessions->gathering.sessions;
    if (list_empty(waiting))
        return;
    while (!list_empty(waiting))
        session_send_gathered(CONTAINER_OF(waiting->next, struct session, gather.link));
    gathering_forget(&sessions->gathering);
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
    list_init(&sessions->closing);
    gathering_init(&sessions->gathering);
    channels->fanout.on_turn = on_turn;
    channels->fanout.owner = sessions;
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
    sessions->drain_total++;
}

void sessions_drain_step(struct sessions *sessions, double share)
{
    double due = ceil(share * (double)sessions->drain_total);
    while (!list_empty(&sessions->open) && (double)sessions->drain_closed < due) {
        sessions->drain_closed++;
        session_close(LIST_ITEM(sessions->open.next, struct session, link),
                      PROTOCOL_CLOSE_SHUTDOWN);
    }
}

bool sessions_gone(const struct sessions *sessions)
{
    return list_empty(&sessions->open) && list_empty(&sessions->closing);
}

void sessions_close(struct sessions *sessions)
{
    uv_close((uv_handle_t *)&sessions->second, NULL);
}
