#include "ingest/timers/access_expiry.h"

#include "ingest/publish/feeds.h"

static void on_answer(void *owner, const struct pg_result *result)
{
    size_t length = 0;
    const char *feeds = pg_result_text(result, 0, 0, &length);
    feeds_publish(owner, feeds, length);
}

int access_expiry_open(uv_loop_t *loop, struct pg_pool *pool, struct publisher *publisher,
                       struct pg_poll **ret_expiry)
{
    const struct pg_poll_options options = {
        .name = "access_expire",
        .statement = "SELECT ops.access_expire(500)",
        .interval_ms = 500,
        .on_answer = on_answer,
        .owner = publisher,
    };
    return pg_poll_open(loop, pool, &options, ret_expiry);
}
