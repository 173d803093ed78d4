#include "ingest/events/rejects.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/postgres/pg_array.h"

#define MAX_BATCH 500u
#define COLUMNS 6

enum column { PARTNER, API_KEY, REASON, FIELD, DETAIL, RAW };

static const enum pg_element elements[COLUMNS] = {PG_INT4, PG_INT4, PG_TEXT,
                                                  PG_TEXT, PG_TEXT, PG_BYTEA};

struct rejects {
    struct pg_pool *pool;
    struct counters *counters;
    uint32_t max_queued, queued, running_events;
    struct list waiting, running;
    struct pg_array arrays[COLUMNS];
    struct pg_param params[COLUMNS];
};

struct rejects *rejects_new(struct pg_pool *pool, struct counters *counters, uint32_t max_queued)
{
    struct rejects *rejects = memory_zalloc(sizeof(*rejects));
    rejects->pool = pool;
    rejects->counters = counters;
    rejects->max_queued = max_queued;
    list_init(&rejects->waiting);
    list_init(&rejects->running);
    for (int i = 0; i < COLUMNS; i++)
        pg_array_init(&rejects->arrays[i], elements[i]);
    return rejects;
}

void rejects_free(struct rejects *rejects)
{
    if (!rejects)
        return;
    for (int i = 0; i < COLUMNS; i++)
        pg_array_done(&rejects->arrays[i]);
    free(rejects);
}

static uint32_t rejected_count(const struct reject_group *group)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < group->count; i++)
        count += group->events[i].status == EVENT_REJECTED;
    return count;
}

static void add_text(struct pg_array *array, const char *text)
{
    if (text)
        pg_array_add_bytes(array, text, strlen(text));
    else
        pg_array_add_null(array);
}

static void add_event(struct rejects *rejects, const struct reject_group *group,
                      const struct event *event)
{
    uint32_t length =
        event->raw.length < REJECT_RAW_MAX_BYTES ? event->raw.length : REJECT_RAW_MAX_BYTES;
    pg_array_add_int(&rejects->arrays[PARTNER], group->partner_id);
    pg_array_add_int(&rejects->arrays[API_KEY], group->key_id);
    add_text(&rejects->arrays[REASON], reason_text(event->reason));
    add_text(&rejects->arrays[FIELD], event->field);
    add_text(&rejects->arrays[DETAIL], event->detail);
    pg_array_add_bytes(&rejects->arrays[RAW], event->raw.bytes ? event->raw.bytes : "", length);
}

static void rejects_next(struct rejects *rejects);

static void finish_running(struct rejects *rejects)
{
    while (!list_empty(&rejects->running)) {
        struct reject_group *group = LIST_ITEM(rejects->running.next, struct reject_group, link);
        list_remove(&group->link);
        group->on_done(group);
    }
}

static void on_result(void *owner, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 1000};
    struct rejects *rejects = owner;
    if (pg_result_failure(result) != PG_OK) {
        rejects->counters->rejects_dropped += rejects->running_events;
        log_limited(&limit, LOG_LEVEL_WARNING, "reject_events failed: %s %s",
                    pg_result_sqlstate(result), pg_result_message(result));
    }
    finish_running(rejects);
    rejects_next(rejects);
}

static void take(struct rejects *rejects, struct reject_group *group)
{
    uint32_t count = rejected_count(group);
    list_remove(&group->link);
    list_append(&rejects->running, &group->link);
    rejects->running_events += count;
    rejects->queued -= count;
    for (uint32_t i = 0; i < group->count; i++)
        if (group->events[i].status == EVENT_REJECTED)
            add_event(rejects, group, &group->events[i]);
}

static void rejects_next(struct rejects *rejects)
{
    if (!list_empty(&rejects->running) || list_empty(&rejects->waiting))
        return;
    for (int i = 0; i < COLUMNS; i++)
        pg_array_clear(&rejects->arrays[i]);
    rejects->running_events = 0;
    while (!list_empty(&rejects->waiting) && rejects->running_events < MAX_BATCH)
        take(rejects, LIST_ITEM(rejects->waiting.next, struct reject_group, link));
    for (int i = 0; i < COLUMNS; i++)
        rejects->params[i] = pg_array_param(&rejects->arrays[i]);
    struct pg_query query = {
        .name = "reject_events",
        .statement = "SELECT api.reject_events($1,$2,$3,$4,$5,$6)",
        .params = rejects->params,
        .param_count = COLUMNS,
        .on_result = on_result,
        .owner = rejects,
        .timeout_ms = 5000,
    };
    if (pg_pool_query(rejects->pool, &query)) {
        rejects->counters->rejects_dropped += rejects->running_events;
        finish_running(rejects);
    }
}

void rejects_submit(struct rejects *rejects, struct reject_group *group)
{
    uint32_t count = rejected_count(group);
    if (count == 0 || rejects->queued + count > rejects->max_queued) {
        rejects->counters->rejects_dropped += count;
        group->on_done(group);
        return;
    }
    rejects->queued += count;
    list_append(&rejects->waiting, &group->link);
    rejects_next(rejects);
}
