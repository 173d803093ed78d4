#include "ingest/events/batcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/events/columns.h"
#include "ingest/events/schedule.h"
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
    struct schedule_run run; /* the transaction that runs */
    unsigned tries;
    int64_t started_us;
    struct columns columns;
};

struct batcher {
    struct batcher_options options;
    struct schedule schedule;
    uv_timer_t start; /* at the loop's next turn, so that what one turn brings is one batch */
    unsigned lane_count, open_handles;
    bool closing;
    void (*on_closed)(void *owner);
    void *closed_owner;
    struct lane lanes[];
};

static bool lane_up(const struct lane *lane)
{
    return pg_link_state(lane->link) == PG_LINK_UP;
}

static bool lane_running(const struct lane *lane)
{
    return !list_empty(&lane->run.groups);
}

static void finish_groups(struct list *groups, enum reason outcome)
{
    while (!list_empty(groups)) {
        struct event_group *group = LIST_ITEM(groups->next, struct event_group, link);
        list_remove(&group->link);
        group->on_done(group, outcome);
    }
}

static void finish_waiting(struct batcher *batcher)
{
    struct list groups;
    list_init(&groups);
    schedule_clear(&batcher->schedule, &groups);
    finish_groups(&groups, REASON_UNAVAILABLE);
}

/* Ends the lane's transaction without a result. */
static void lane_fail(struct lane *lane, enum reason outcome)
{
    struct list groups;
    list_init(&groups);
    schedule_release(&lane->batcher->schedule, &lane->run, &groups);
    finish_groups(&groups, outcome);
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
static void apply_verdicts(struct batcher *batcher, const struct list *groups, const char *verdicts)
{
    const char *at = verdicts && *verdicts == '{' ? verdicts + 1 : "";
    LIST_FOR_EACH(link, next, groups)
    {
        struct event_group *group = LIST_ITEM(link, struct event_group, link);
        for (uint32_t i = 0; i < group->count; i++) {
            if (group->events[i].status != EVENT_PENDING)
                continue;
            char *end;
            long verdict = strtol(at, &end, 10);
            apply_verdict(&group->events[i], end == at ? -1 : verdict, batcher->options.counters);
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

static void start_lanes(struct batcher *batcher);

static void on_committed(struct lane *lane, const struct pg_result *result)
{
    struct batcher *batcher = lane->batcher;
    struct counters *counters = batcher->options.counters;
    double seconds = (double)(time_monotonic_us() - lane->started_us) * 1e-6;
    struct list groups;
    list_init(&groups);
    counters->batches++;
    prometheus_observe(&counters->commit_seconds, seconds);
    prometheus_observe(&counters->batch_events, lane->run.events);
    schedule_release(&batcher->schedule, &lane->run, &groups);
    start_lanes(batcher); /* Postgres works on while the answers are written */
    apply_verdicts(batcher, &groups,
                   pg_result_rows(result) > 0 ? pg_result_text(result, 0, 5, NULL) : NULL);
    publish_rows(batcher, result);
    finish_groups(&groups, REASON_NONE);
}

/* One event that the database cannot take must not refuse the others of its batch: each request
 * goes again by itself. */
static void on_statement_failed(struct lane *lane, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 1000};
    bool single = lane->run.groups.next->next == &lane->run.groups;
    log_limited(&limit, LOG_LEVEL_ERROR, "ingest_events failed: %s %s", pg_result_sqlstate(result),
                pg_result_message(result));
    if (single)
        lane_fail(lane, REASON_INTERNAL);
    else
        schedule_return(&lane->batcher->schedule, &lane->run);
}

static void lane_run(struct lane *lane);

static void on_result(void *owner, const struct pg_result *result)
{
    struct lane *lane = owner;
    struct batcher *batcher = lane->batcher;
    enum pg_failure failure = pg_result_failure(result);
    if (failure == PG_OK) {
        on_committed(lane, result);
        return;
    }
    batcher->options.counters->batches_failed++;
    const char *state = pg_result_sqlstate(result);
    bool rolled_back = strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
    if (failure == PG_FAILED_RETRYABLE && rolled_back && ++lane->tries < MAX_TRIES) {
        lane_run(lane);
        return;
    }
    if (failure == PG_FAILED_STATEMENT)
        on_statement_failed(lane, result);
    else
        lane_fail(lane, REASON_UNAVAILABLE);
    start_lanes(batcher);
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
        lane_fail(lane, REASON_UNAVAILABLE);
}

static void lane_start(struct lane *lane)
{
    struct batcher *batcher = lane->batcher;
    schedule_fill(&batcher->schedule, &lane->run, batcher->options.max_batch);
    lane->tries = 0;
    columns_clear(&lane->columns);
    LIST_FOR_EACH(link, next, &lane->run.groups)
    {
        const struct event_group *group = LIST_ITEM(link, struct event_group, link);
        for (uint32_t i = 0; i < group->count; i++)
            if (group->events[i].status == EVENT_PENDING)
                columns_add(&lane->columns, group, &group->events[i]);
    }
    columns_finish(&lane->columns);
    lane_run(lane);
}

static struct lane *free_lane(struct batcher *batcher)
{
    for (unsigned i = 0; i < batcher->lane_count; i++)
        if (lane_up(&batcher->lanes[i]) && !lane_running(&batcher->lanes[i]))
            return &batcher->lanes[i];
    return NULL;
}

static bool any_running(const struct batcher *batcher)
{
    for (unsigned i = 0; i < batcher->lane_count; i++)
        if (lane_running(&batcher->lanes[i]))
            return true;
    return false;
}

static void start_lanes(struct batcher *batcher)
{
    while (batcher->schedule.ready_events) {
        struct lane *lane = free_lane(batcher);
        if (!lane ||
            (any_running(batcher) && batcher->schedule.ready_events < batcher->options.min_beside))
            return;
        lane_start(lane);
    }
}

static void on_start(uv_timer_t *timer)
{
    start_lanes(timer->data);
}

static void on_lane_state(void *owner, struct pg_link *link, enum pg_link_state state)
{
    struct lane *lane = owner;
    struct batcher *batcher = lane->batcher;
    (void)link;
    if (state == PG_LINK_UP) {
        batcher->options.counters->postgres_reconnects++;
        start_lanes(batcher);
    } else if (batcher_lanes_up(batcher) == 0) {
        finish_waiting(batcher);
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
    schedule_run_init(&lane->run);
    columns_init(&lane->columns);
    int error = pg_link_open(loop, &options, &lane->link);
    if (error)
        columns_done(&lane->columns);
    else
        batcher->open_handles++;
    return error;
}

int batcher_open(uv_loop_t *loop, const struct batcher_options *options,
                 struct batcher **ret_batcher)
{
    struct batcher *batcher =
        memory_zalloc(sizeof(*batcher) + options->lanes * sizeof(struct lane));
    batcher->options = *options;
    schedule_init(&batcher->schedule);
    uv_timer_init(loop, &batcher->start);
    batcher->start.data = batcher;
    batcher->open_handles = 1;
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
    group->pending = 0;
    group->alone = false;
    for (uint32_t i = 0; i < group->count; i++)
        group->pending += group->events[i].status == EVENT_PENDING;
    if (batcher->closing || batcher_lanes_up(batcher) == 0)
        return -ENOTCONN;
    if (batcher->schedule.waiting_events + group->pending > batcher->options.max_queued)
        return -ENOBUFS;
    schedule_add(&batcher->schedule, group);
    if (!uv_is_active((uv_handle_t *)&batcher->start))
        uv_timer_start(&batcher->start, on_start, 0, 0);
    return 0;
}

void batcher_set_max_queued(struct batcher *batcher, uint32_t max_queued)
{
    batcher->options.max_queued = max_queued;
}

unsigned batcher_lanes_up(const struct batcher *batcher)
{
    unsigned up = 0;
    for (unsigned i = 0; i < batcher->lane_count; i++)
        up += lane_up(&batcher->lanes[i]);
    return up;
}

uint32_t batcher_queued(const struct batcher *batcher)
{
    return batcher->schedule.waiting_events;
}

static void on_part_closed(struct batcher *batcher)
{
    if (--batcher->open_handles)
        return;
    if (batcher->on_closed)
        batcher->on_closed(batcher->closed_owner);
    free(batcher);
}

static void on_lane_closed(void *owner)
{
    struct lane *lane = owner;
    columns_done(&lane->columns);
    on_part_closed(lane->batcher);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

void batcher_close(struct batcher *batcher, void (*on_closed)(void *owner), void *owner)
{
    batcher->closing = true;
    batcher->on_closed = on_closed;
    batcher->closed_owner = owner;
    finish_waiting(batcher);
    for (unsigned i = 0; i < batcher->lane_count; i++)
        pg_link_close(batcher->lanes[i].link, on_lane_closed, &batcher->lanes[i]);
    uv_close((uv_handle_t *)&batcher->start, on_timer_closed);
}
