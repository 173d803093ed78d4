#include "ingest/timers/key_watch.h"

static void on_answer(void *owner, const struct pg_result *result)
{
    for (int row = 0; row < pg_result_rows(result); row++) {
        const char *public_id = pg_result_text(result, row, 0, NULL);
        if (public_id)
            keys_drop(owner, public_id);
    }
}

int key_watch_open(uv_loop_t *loop, struct pg_pool *pool, struct keys *keys,
                   struct pg_poll **ret_watch)
{
    const struct pg_poll_options options = {
        .name = "keys_changed",
        .statement = "SELECT api.keys_changed()",
        .interval_ms = 500,
        .on_answer = on_answer,
        .owner = keys,
    };
    return pg_poll_open(loop, pool, &options, ret_watch);
}
