#include "ingest/timers/pg_poll.h"

#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"

#define TIMEOUT_MS 5000

struct pg_poll {
    struct pg_pool *pool;
    struct pg_poll_options options;
    struct log_limit failures;
    uv_timer_t timer;
    bool asking;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_result(void *owner, const struct pg_result *result)
{
    struct pg_poll *poll = owner;
    poll->asking = false;
    if (pg_result_failure(result) == PG_OK)
        poll->options.on_answer(poll->options.owner, result);
    else
        log_limited(&poll->failures, LOG_LEVEL_WARNING, "%s failed: %s %s", poll->options.name,
                    pg_result_sqlstate(result), pg_result_message(result));
}

static void on_timer(uv_timer_t *timer)
{
    struct pg_poll *poll = timer->data;
    struct pg_query query = {
        .name = poll->options.name,
        .statement = poll->options.statement,
        .on_result = on_result,
        .owner = poll,
        .timeout_ms = TIMEOUT_MS,
    };
    if (!poll->asking)
        poll->asking = pg_pool_query(poll->pool, &query) == 0;
}

int pg_poll_open(uv_loop_t *loop, struct pg_pool *pool, const struct pg_poll_options *options,
                 struct pg_poll **ret_poll)
{
    struct pg_poll *poll = memory_zalloc(sizeof(*poll));
    poll->pool = pool;
    poll->options = *options;
    poll->failures = (struct log_limit){.interval_ms = 10000};
    int error = uv_timer_init(loop, &poll->timer);
    if (error) {
        free(poll);
        return error;
    }
    poll->timer.data = poll;
    uv_timer_start(&poll->timer, on_timer, options->interval_ms, options->interval_ms);
    *ret_poll = poll;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct pg_poll *poll = handle->data;
    if (poll->on_closed)
        poll->on_closed(poll->closed_owner);
    free(poll);
}

void pg_poll_close(struct pg_poll *poll, void (*on_closed)(void *owner), void *owner)
{
    poll->on_closed = on_closed;
    poll->closed_owner = owner;
    uv_close((uv_handle_t *)&poll->timer, on_timer_closed);
}
