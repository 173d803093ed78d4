#include "ingest/timers/access_expiry.h"

#include <stdlib.h>

#include "ingest/publish/feeds.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"

#define INTERVAL_MS 500

struct access_expiry {
    struct pg_pool *pool;
    struct publisher *publisher;
    uv_timer_t timer;
    bool asking;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_result(void *owner, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 10000};
    struct access_expiry *expiry = owner;
    expiry->asking = false;
    if (pg_result_failure(result) != PG_OK) {
        log_limited(&limit, LOG_LEVEL_WARNING, "access_expire failed: %s %s",
                    pg_result_sqlstate(result), pg_result_message(result));
        return;
    }
    size_t length = 0;
    const char *feeds = pg_result_text(result, 0, 0, &length);
    feeds_publish(expiry->publisher, feeds, length);
}

static void on_timer(uv_timer_t *timer)
{
    struct access_expiry *expiry = timer->data;
    struct pg_query query = {
        .name = "access_expire",
        .statement = "SELECT ops.access_expire(500)",
        .on_result = on_result,
        .owner = expiry,
        .timeout_ms = 5000,
    };
    if (!expiry->asking)
        expiry->asking = pg_pool_query(expiry->pool, &query) == 0;
}

int access_expiry_open(uv_loop_t *loop, struct pg_pool *pool, struct publisher *publisher,
                       struct access_expiry **ret_expiry)
{
    struct access_expiry *expiry = memory_zalloc(sizeof(*expiry));
    expiry->pool = pool;
    expiry->publisher = publisher;
    int error = uv_timer_init(loop, &expiry->timer);
    if (error) {
        free(expiry);
        return error;
    }
    expiry->timer.data = expiry;
    uv_timer_start(&expiry->timer, on_timer, INTERVAL_MS, INTERVAL_MS);
    *ret_expiry = expiry;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct access_expiry *expiry = handle->data;
    if (expiry->on_closed)
        expiry->on_closed(expiry->closed_owner);
    free(expiry);
}

void access_expiry_close(struct access_expiry *expiry, void (*on_closed)(void *owner), void *owner)
{
    expiry->on_closed = on_closed;
    expiry->closed_owner = owner;
    uv_close((uv_handle_t *)&expiry->timer, on_timer_closed);
}
