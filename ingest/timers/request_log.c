#include "ingest/timers/request_log.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"
#include "shared/postgres/pg_array.h"

#define INTERVAL_MS 1000
#define CAPACITY 65536u
#define COLUMNS 7

enum column { API_KEY, PARTNER, ROUTE, STATUS, LATENCY, BYTES, AT };

static const enum pg_element elements[COLUMNS] = {PG_INT4, PG_INT4, PG_TEXT,       PG_INT2,
                                                  PG_INT4, PG_INT4, PG_TIMESTAMPTZ};

/* Two sets of arrays: one is filled while the other is being written. */
struct half {
    struct pg_array arrays[COLUMNS];
    struct pg_param params[COLUMNS];
};

struct request_log {
    struct pg_link *link;
    struct counters *counters;
    uv_timer_t timer;
    struct half halves[2];
    unsigned filling; /* index */
    bool writing;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_result(void *owner, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 10000};
    struct request_log *log = owner;
    struct half *written = &log->halves[1 - log->filling];
    log->writing = false;
    if (pg_result_failure(result) != PG_OK) {
        log->counters->requests_log_dropped += written->arrays[API_KEY].count;
        log_limited(&limit, LOG_LEVEL_WARNING, "requests_append failed: %s %s",
                    pg_result_sqlstate(result), pg_result_message(result));
    }
    for (int i = 0; i < COLUMNS; i++)
        pg_array_clear(&written->arrays[i]);
}

bool request_log_flush(struct request_log *log)
{
    struct half *half = &log->halves[log->filling];
    if (log->writing)
        return true;
    if (half->arrays[API_KEY].count == 0 || pg_link_state(log->link) != PG_LINK_UP)
        return false;
    for (int i = 0; i < COLUMNS; i++)
        half->params[i] = pg_array_param(&half->arrays[i]);
    struct pg_query query = {
        .name = "requests_append",
        .statement = "SELECT api.requests_append($1,$2,$3,$4,$5,$6,$7)",
        .params = half->params,
        .param_count = COLUMNS,
        .on_result = on_result,
        .owner = log,
    };
    if (pg_link_query(log->link, &query))
        return false;
    log->writing = true;
    log->filling = 1 - log->filling;
    return true;
}

void request_log_add(struct request_log *log, const struct request_record *record)
{
    struct pg_array *arrays = log->halves[log->filling].arrays;
    if (arrays[API_KEY].count == CAPACITY) {
        log->counters->requests_log_dropped++;
        return;
    }
    int64_t latency = record->latency_us < INT32_MAX ? record->latency_us : INT32_MAX;
    pg_array_add_int(&arrays[API_KEY], record->key_id);
    pg_array_add_int(&arrays[PARTNER], record->partner_id);
    pg_array_add_bytes(&arrays[ROUTE], record->route, strlen(record->route));
    pg_array_add_int(&arrays[STATUS], record->status);
    pg_array_add_int(&arrays[LATENCY], latency);
    pg_array_add_int(&arrays[BYTES], record->bytes < INT32_MAX ? record->bytes : INT32_MAX);
    pg_array_add_time(&arrays[AT], time_wall_us());
}

static void on_timer(uv_timer_t *timer)
{
    (void)request_log_flush(timer->data);
}

int request_log_open(uv_loop_t *loop, struct pg_link *link, struct counters *counters,
                     struct request_log **ret_log)
{
    struct request_log *log = memory_zalloc(sizeof(*log));
    log->link = link;
    log->counters = counters;
    int error = uv_timer_init(loop, &log->timer);
    if (error) {
        free(log);
        return error;
    }
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < COLUMNS; i++)
            pg_array_init(&log->halves[half].arrays[i], elements[i]);
    log->timer.data = log;
    uv_timer_start(&log->timer, on_timer, INTERVAL_MS, INTERVAL_MS);
    *ret_log = log;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct request_log *log = handle->data;
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < COLUMNS; i++)
            pg_array_done(&log->halves[half].arrays[i]);
    if (log->on_closed)
        log->on_closed(log->closed_owner);
    free(log);
}

void request_log_close(struct request_log *log, void (*on_closed)(void *owner), void *owner)
{
    log->on_closed = on_closed;
    log->closed_owner = owner;
    uv_close((uv_handle_t *)&log->timer, on_timer_closed);
}
