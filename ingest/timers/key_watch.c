#include "ingest/timers/key_watch.h"

#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"

#define INTERVAL_MS 500

struct key_watch {
    struct pg_pool *pool;
    struct keys *keys;
    uv_timer_t timer;
    bool asking;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_result(void *owner, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 10000};
    struct key_watch *watch = owner;
    watch->asking = false;
    if (pg_result_failure(result) != PG_OK)
        log_limited(&limit, LOG_LEVEL_WARNING, "keys_changed failed: %s %s",
                    pg_result_sqlstate(result), pg_result_message(result));
    for (int row = 0; row < pg_result_rows(result); row++) {
        const char *public_id = pg_result_text(result, row, 0, NULL);
        if (public_id)
            keys_drop(watch->keys, public_id);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct key_watch *watch = timer->data;
    struct pg_query query = {
        .name = "keys_changed",
        .statement = "SELECT api.keys_changed()",
        .on_result = on_result,
        .owner = watch,
        .timeout_ms = 5000,
    };
    if (!watch->asking)
        watch->asking = pg_pool_query(watch->pool, &query) == 0;
}

int key_watch_open(uv_loop_t *loop, struct pg_pool *pool, struct keys *keys,
                   struct key_watch **ret_watch)
{
    struct key_watch *watch = memory_zalloc(sizeof(*watch));
    watch->pool = pool;
    watch->keys = keys;
    int error = uv_timer_init(loop, &watch->timer);
    if (error) {
        free(watch);
        return error;
    }
    watch->timer.data = watch;
    uv_timer_start(&watch->timer, on_timer, INTERVAL_MS, INTERVAL_MS);
    *ret_watch = watch;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct key_watch *watch = handle->data;
    if (watch->on_closed)
        watch->on_closed(watch->closed_owner);
    free(watch);
}

void key_watch_close(struct key_watch *watch, void (*on_closed)(void *owner), void *owner)
{
    watch->on_closed = on_closed;
    watch->closed_owner = owner;
    uv_close((uv_handle_t *)&watch->timer, on_timer_closed);
}
