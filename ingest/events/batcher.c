#include "ingest/events/batcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/events/columns.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

/* A deadlock's victim or a serialization failure is tried again; the others just wait a moment. */
#define MAX_TRIES 5

/* Verdicts as the SQL function numbers them. */
enum sql_verdict { SQL_ACCEPTED, SQL_DUPLICATE, SQL_CONFLICT, SQL_TOO_OLD, SQL_SUSPENDED };

struct lane {
    struct batcher *batcher;
    struct pg_link *link;
    struct list waiting; /* groups */
    struct list running; /* the groups of the transaction that runs */
    uint32_t running_events;
    unsigned tries;
    int64_t started_us;
    bool up;
    struct columns columns;
};

struct batcher {
    struct batcher_options options;
    unsigned lane_count, open_lanes;
    uint32_t queued;
    bool closing;
    void (*on_closed)(void *owner);
    void *closed_owner;
    struct lane lanes[];
};

static void lane_next(struct lane *lane);

static void finish_groups(struct list *groups, enum reason outcome)
{
    while (!list_empty(groups)) {
        struct event_group *group = LIST_ITEM(groups->next, struct event_group, link);
        list_remove(&group->link);
        group->on_done(group, outcome);
    }
}

static void fail_waiting(struct lane *lane)
{
    LIST_FOR_EACH(link, next, &lane->waiting)
    lane->batcher->queued -= LIST_ITEM(link, struct event_group, link)->pending;
    finish_groups(&lane->waiting, REASON_UNAVAILABLE);
}

static void apply_verdict(struct event *event, long verdict, struct counters *counters)
{
    switch (verdict) {
    case SQL_ACCEPTED:
        event->status = EVENT_ACCEPTED;
        counters->accepted++;
        return;
    case SQL_DUPLICATE:
        event->status = EVENT_DUPLICATE;
        counters->duplicate++;
        return;
    case SQL_CONFLICT:
        event_reject(event, REASON_CONFLICT, "id",
                     "an event with this source and id was accepted with other content");
        return;
    case SQL_TOO_OLD:
        event_reject(event, REASON_TOO_OLD, "time",
                     "older than 35 days: send historical=true with a key that may");
        return;
    case SQL_SUSPENDED:
        event_reject(event, REASON_SUSPENDED, NULL, NULL);
        return;
    default:
        event_reject(event, REASON_INTERNAL, NULL, NULL);
    }
}

/* `{0,1,…}`, one number per pending event in the order in which they were added. */
static void apply_verdicts(struct lane *lane, const char *verdicts)
{
    const char *at = verdicts && *verdicts == '{' ? verdicts + 1 : "";
    LIST_FOR_EACH(link, next, &lane->running)
    {
        struct event_group *group = LIST_ITEM(link, struct event_group, link);
        for (uint32_t i = 0; i < group->count; i++) {
            if (group->events[i].status != EVENT_PENDING)
                continue;
            char *end;
            long verdict = strtol(at, &end, 10);
            apply_verdict(&group->events[i], end == at ? -1 : verdict,
                          lane->batcher->options.counters);
            at = *end == ',' ? end + 1 : end;
        }
    }
}

static void publish_rows(struct batcher *batcher, const struct pg_result *result)
{
    for (int row = 1; row < pg_result_rows(result); row++) {
        struct feed_message message = {
            .channel = pg_result_text(result, row, 0, NULL),
            .epoch = pg_result_text(result, row, 1, NULL),
            .seq = pg_result_i64(result, row, 2, 0),
            .platform_seq = pg_result_i64(result, row, 3, 0),
        };
        message.payload = pg_result_text(result, row, 4, &message.payload_length);
        if (message.channel && message.epoch && message.payload)
            batcher->options.on_feed(batcher->options.owner, &message);
    }
}

static void on_committed(struct lane *lane, const struct pg_result *result)
{
    struct counters *counters = lane->batcher->options.counters;
    double seconds = (double)(time_monotonic_us() - lane->started_us) * 1e-6;
    counters->batches++;
    prometheus_observe(&counters->commit_seconds, seconds);
    prometheus_observe(&counters->batch_events, lane->running_events);
    apply_verdicts(lane, pg_result_rows(result) > 0 ? pg_result_text(result, 0, 5, NULL) : NULL);
    publish_rows(lane->batcher, result);
    finish_groups(&lane->running, REASON_NONE);
}

/* One event that the database cannot take must not refuse the others of its batch: each request
 * goes again by itself. */
static void on_statement_failed(struct lane *lane, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 1000};
    bool single = lane->running.next->next == &lane->running;
    log_limited(&limit, LOG_LEVEL_ERROR, "ingest_events failed: %s %s", pg_result_sqlstate(result),
                pg_result_message(result));
    if (single) {
        finish_groups(&lane->running, REASON_INTERNAL);
        return;
    }
    while (!list_empty(&lane->running)) {
        struct list *last = lane->running.previous;
        struct event_group *group = LIST_ITEM(last, struct event_group, link);
        group->alone = true;
        list_remove(last);
        list_append(lane->waiting.next, last); /* before the first that waits */
        lane->batcher->queued += group->pending;
    }
}

static void lane_run(struct lane *lane);

static void on_result(void *owner, const struct pg_result *result)
{
    struct lane *lane = owner;
    enum pg_failure failure = pg_result_failure(result);
    if (failure == PG_OK) {
        on_committed(lane, result);
    } else {
        lane->batcher->options.counters->batches_failed++;
        const char *state = pg_result_sqlstate(result);
        bool rolled_back = strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
        if (failure == PG_FAILED_RETRYABLE && rolled_back && ++lane->tries < MAX_TRIES) {
            lane_run(lane);
            return;
        }
        if (failure == PG_FAILED_STATEMENT)
            on_statement_failed(lane, result);
        else
            finish_groups(&lane->running, REASON_UNAVAILABLE);
    }
    lane_next(lane);
}

static void lane_run(struct lane *lane)
{
    struct pg_query query = {
        .name = "ingest_events",
        .statement = columns_statement,
        .params = lane->columns.params,
        .param_count = INGEST_COLUMNS,
        .on_result = on_result,
        .owner = lane,
    };
    lane->started_us = time_monotonic_us();
    if (pg_link_query(lane->link, &query))
        finish_groups(&lane->running, REASON_UNAVAILABLE);
}

static void lane_take(struct lane *lane, struct event_group *group)
{
    list_remove(&group->link);
    list_append(&lane->running, &group->link);
    lane->running_events += group->pending;
    lane->batcher->queued -= group->pending;
    for (uint32_t i = 0; i < group->count; i++)
        if (group->events[i].status == EVENT_PENDING)
            columns_add(&lane->columns, group, &group->events[i]);
}

/* Starts the next transaction if none runs and something waits. */
static void lane_next(struct lane *lane)
{
    if (!list_empty(&lane->running) || list_empty(&lane->waiting))
        return;
    columns_clear(&lane->columns);
    lane->running_events = 0;
    lane->tries = 0;
    while (!list_empty(&lane->waiting)) {
        struct event_group *group = LIST_ITEM(lane->waiting.next, struct event_group, link);
        bool first = lane->running_events == 0;
        if (!first && (group->alone ||
                       lane->running_events + group->pending > lane->batcher->options.max_batch))
            break;
        lane_take(lane, group);
        if (group->alone)
            break;
    }
    columns_finish(&lane->columns);
    lane_run(lane);
}

static void on_lane_state(void *owner, struct pg_link *link, enum pg_link_state state)
{
    struct lane *lane = owner;
    struct batcher *batcher = lane->batcher;
    (void)link;
    lane->up = state == PG_LINK_UP;
    if (lane->up) {
        batcher->options.counters->postgres_reconnects++;
        lane_next(lane);
    } else {
        fail_waiting(lane);
    }
    batcher->options.on_state(batcher->options.owner);
}

static int lane_open(uv_loop_t *loop, struct batcher *batcher, struct lane *lane)
{
    struct pg_link_options options = {
        .dsn = batcher->options.database,
        .name = "metrics-ingest lane",
        .max_queue = 1,
        .on_state = on_lane_state,
        .owner = lane,
    };
    lane->batcher = batcher;
    list_init(&lane->waiting);
    list_init(&lane->running);
    columns_init(&lane->columns);
    int error = pg_link_open(loop, &options, &lane->link);
    if (error)
        columns_done(&lane->columns);
    else
        batcher->open_lanes++;
    return error;
}

int batcher_open(uv_loop_t *loop, const struct batcher_options *options,
                 struct batcher **ret_batcher)
{
    struct batcher *batcher =
        memory_zalloc(sizeof(*batcher) + options->lanes * sizeof(struct lane));
    batcher->options = *options;
    *ret_batcher = batcher;
    for (; batcher->lane_count < options->lanes; batcher->lane_count++) {
        int error = lane_open(loop, batcher, &batcher->lanes[batcher->lane_count]);
        if (error)
            return error; /* the caller closes what is open */
    }
    return 0;
}

int batcher_submit(struct batcher *batcher, struct event_group *group)
{
    struct lane *lane = &batcher->lanes[(uint32_t)group->partner_id % batcher->lane_count];
    group->pending = 0;
    group->alone = false;
    for (uint32_t i = 0; i < group->count; i++)
        group->pending += group->events[i].status == EVENT_PENDING;
    if (batcher->closing || !lane->up)
        return -ENOTCONN;
    if (batcher->queued + group->pending > batcher->options.max_queued)
        return -ENOBUFS;
    batcher->queued += group->pending;
    list_append(&lane->waiting, &group->link);
    lane_next(lane);
    return 0;
}

unsigned batcher_lanes_up(const struct batcher *batcher)
{
    unsigned up = 0;
    for (unsigned i = 0; i < batcher->lane_count; i++)
        up += batcher->lanes[i].up;
    return up;
}

uint32_t batcher_queued(const struct batcher *batcher)
{
    return batcher->queued;
}

static void on_lane_closed(void *owner)
{
    struct lane *lane = owner;
    struct batcher *batcher = lane->batcher;
    columns_done(&lane->columns);
    if (--batcher->open_lanes)
        return;
    if (batcher->on_closed)
        batcher->on_closed(batcher->closed_owner);
    free(batcher);
}

void batcher_close(struct batcher *batcher, void (*on_closed)(void *owner), void *owner)
{
    batcher->closing = true;
    batcher->on_closed = on_closed;
    batcher->closed_owner = owner;
    unsigned count = batcher->lane_count;
    for (unsigned i = 0; i < count; i++)
        fail_waiting(&batcher->lanes[i]);
    for (unsigned i = 0; i < count; i++)
        pg_link_close(batcher->lanes[i].link, on_lane_closed, &batcher->lanes[i]);
}
