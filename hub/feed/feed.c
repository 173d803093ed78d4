#include "hub/feed/feed.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/members.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define JOBS_ROWS 200

static struct log_limit query_limit = {.interval_ms = 1000};

static void read_begin(struct feed *feed);
static void on_snapshot(void *owner, const struct pg_result *result);
static void on_members(void *owner, const struct pg_result *result);
static void on_position(void *owner, const struct pg_result *result);

void feed_name(const struct channel_name *channel, char out[FEED_NAME_SIZE])
{
    static const char *const namespaces[] = {
        [CHANNEL_METRICS] = "feed", [CHANNEL_JOBS] = "feed", [CHANNEL_THREAD] = "thread",
        [CHANNEL_AUDIT] = "audit",  [CHANNEL_KEYS] = "keys", [CHANNEL_WALLET] = "wallet"};
    if (channel->kind == CHANNEL_CONTROL)
        (void)snprintf(out, FEED_NAME_SIZE, "%s", FEED_CONTROL);
    else if (channel->kind == CHANNEL_SYSTEM)
        (void)snprintf(out, FEED_NAME_SIZE, "%s", FEED_SYSTEM);
    else if (channel->kind == CHANNEL_THREAD)
        (void)snprintf(out, FEED_NAME_SIZE, "thread:%s", channel->id);
    else
        (void)snprintf(out, FEED_NAME_SIZE, "%s:%s%s", namespaces[channel->kind],
                       channel->platform ? FEED_SCOPE_PLATFORM : "partner:", channel->code);
}

struct feed *feed_new(const struct channel_name *channel, uv_loop_t *loop, struct pg_pool *pool,
                      struct hub_stats *stats)
{
    struct feed *feed = memory_zalloc(sizeof(*feed));
    feed->log = channel->kind != CHANNEL_METRICS && channel->kind != CHANNEL_JOBS;
    feed->platform = channel->platform;
    (void)snprintf(feed->scope, sizeof(feed->scope), "%s",
                   channel->platform ? FEED_SCOPE_PLATFORM : channel->code);
    feed_name(channel, feed->name);
    feed->loop = loop;
    feed->pool = pool;
    feed->stats = stats;
    list_init(&feed->consumers);
    return feed;
}

static void pending_clear(struct feed *feed)
{
    for (size_t i = 0; i < feed->pending_count; i++)
        feed_delta_unref(feed->pending[i].delta);
    feed->pending_count = 0;
}

void feed_free(struct feed *feed)
{
    if (!feed)
        return;
    assert(list_empty(&feed->consumers));
    feed_query_drop(feed->read);
    pending_clear(feed);
    free(feed);
}

static void set_state(struct feed *feed, enum feed_state state)
{
    if (feed->state == state)
        return;
    feed->state = state;
    if (state != FEED_READING) {
        feed_query_drop(feed->read);
        feed->read = NULL;
    }
    if (state == FEED_IDLE || state == FEED_SNAPSHOT) {
        if (state == FEED_IDLE)
            pending_clear(feed);
        feed->epoch[0] = '\0';
        feed->seq = feed->highest_seq = feed->checked_at_ms = 0;
    }
}

/* ---- rows ---- */

static void lowest_position(struct feed *feed)
{
    int64_t lowest = INT64_MAX;
    LIST_FOR_EACH(link, next, &feed->consumers)
    {
        const struct feed_consumer *consumer = LIST_ITEM(link, struct feed_consumer, link);
        if (consumer->loaded && consumer->seq < lowest)
            lowest = consumer->seq;
    }
    if (lowest != INT64_MAX)
        feed->seq = lowest;
}

static void note_highest(struct feed *feed, int64_t seq)
{
    if (seq > feed->highest_seq)
        feed->highest_seq = seq;
}

static void apply(struct feed *feed, int64_t seq, struct feed_delta *delta)
{
    assert(seq == feed->seq + 1);
    LIST_FOR_EACH(link, next, &feed->consumers)
    {
        struct feed_consumer *consumer = LIST_ITEM(link, struct feed_consumer, link);
        if (!consumer->loaded || consumer->seq >= seq)
            continue;
        consumer->seq = seq;
        consumer->ops->apply(consumer, seq, delta);
    }
    feed->seq = seq;
    note_highest(feed, seq);
    feed->stats->feed_deltas++;
    if (delta->at_ms)
        prometheus_observe(&feed->stats->feed_lag, (double)(time_wall_ms() - delta->at_ms) / 1000);
}

static void tell_changed(struct feed *feed)
{
    LIST_FOR_EACH(link, next, &feed->consumers)
    {
        struct feed_consumer *consumer = LIST_ITEM(link, struct feed_consumer, link);
        if (consumer->loaded)
            consumer->ops->changed(consumer);
    }
}

static void pending_push(struct feed *feed, int64_t seq, struct feed_delta *delta)
{
    if (feed->pending_count == FEED_PENDING_MAX)
        pending_clear(feed); /* the log has them all */
    feed->pending[feed->pending_count++] =
        (struct feed_pending){.seq = seq, .delta = feed_delta_ref(delta)};
}

/* Applies what fits, in the order of arrival; keeps what is still too far. */
static bool pending_apply(struct feed *feed)
{
    size_t kept = 0;
    bool any = false;
    for (size_t i = 0; i < feed->pending_count; i++) {
        struct feed_pending *row = &feed->pending[i];
        if (row->seq > feed->seq + 1) {
            feed->pending[kept++] = *row;
            continue;
        }
        if (row->seq == feed->seq + 1) {
            apply(feed, row->seq, row->delta);
            any = true;
        }
        feed_delta_unref(row->delta);
    }
    feed->pending_count = kept;
    return any;
}

static void catch_up(struct feed *feed)
{
    if (pending_apply(feed))
        tell_changed(feed);
    if (feed->highest_seq > feed->seq)
        read_begin(feed);
    else
        set_state(feed, FEED_LIVE);
}

void feed_on_row(struct feed *feed, const char *epoch, int64_t seq, struct feed_delta *delta)
{
    if (feed->state == FEED_IDLE)
        return;
    if (feed->state == FEED_SNAPSHOT) {
        pending_push(feed, seq, delta);
        return;
    }
    if (epoch && strcmp(epoch, feed->epoch) != 0)
        return; /* the next poll says which is right */
    note_highest(feed, seq);
    if (seq <= feed->seq) {
        feed->stats->feed_duplicates++;
    } else if (feed->state == FEED_READING) {
        pending_push(feed, seq, delta);
    } else if (seq == feed->seq + 1) {
        apply(feed, seq, delta);
        tell_changed(feed);
    } else {
        pending_push(feed, seq, delta);
        read_begin(feed);
    }
}

/* ---- snapshots ---- */

static void ask_snapshot(struct feed_consumer *consumer)
{
    const struct feed *feed = consumer->feed;
    if (consumer->query || consumer->job)
        return;
    if (consumer->request.kind == SNAPSHOT_MEMBERS)
        consumer->query = feed_db_thread_members(feed->pool, feed->name, on_members, consumer);
    else if (consumer->request.kind == SNAPSHOT_POSITION)
        consumer->query =
            feed_db_heads(feed->pool, (const char *const[]){feed->name}, 1, on_position, consumer);
    else if (consumer->request.kind == SNAPSHOT_METRICS)
        consumer->query =
            feed_db_metrics_snapshot(feed->pool, feed->scope, false, on_snapshot, consumer);
    else
        consumer->query =
            feed_db_jobs_snapshot(feed->pool, feed->scope, JOBS_ROWS, on_snapshot, consumer);
}

static void forget_snapshot(struct feed_consumer *consumer)
{
    feed_query_drop(consumer->query);
    snapshot_job_drop(consumer->job);
    consumer->query = NULL;
    consumer->job = NULL;
}

/* Everything starts again. */
static void reset(struct feed *feed)
{
    set_state(feed, FEED_SNAPSHOT);
    pending_clear(feed);
    LIST_FOR_EACH(link, next, &feed->consumers)
    {
        struct feed_consumer *consumer = LIST_ITEM(link, struct feed_consumer, link);
        forget_snapshot(consumer);
        if (consumer->loaded) {
            consumer->loaded = false;
            consumer->ops->reset(consumer);
        }
        ask_snapshot(consumer);
    }
}

/* Takes over a consumer that now has a state. */
static void place(struct feed_consumer *consumer, struct snapshot *snapshot)
{
    struct feed *feed = consumer->feed;
    if (feed->state != FEED_SNAPSHOT && strcmp(feed->epoch, snapshot->epoch) != 0)
        reset(feed);
    if (feed->state == FEED_SNAPSHOT) {
        (void)snprintf(feed->epoch, sizeof(feed->epoch), "%s", snapshot->epoch);
        feed->seq = snapshot->seq;
        set_state(feed, FEED_LIVE);
    }
    forget_snapshot(consumer);
    consumer->loaded = true;
    consumer->seq = snapshot->seq;
    note_highest(feed, snapshot->seq);
    for (size_t i = 0; i < feed->pending_count; i++)
        note_highest(feed, feed->pending[i].seq);
    lowest_position(feed);
    consumer->ops->loaded(consumer, snapshot);
    if (feed->state == FEED_LIVE)
        catch_up(feed);
}

static void on_decoded(void *owner, struct snapshot *snapshot)
{
    struct feed_consumer *consumer = owner;
    struct feed *feed = consumer->feed;
    consumer->job = NULL;
    if (!snapshot) {
        feed->stats->snapshot_failures++;
        log_error("feed %s: snapshot is not of the agreed form", feed->name);
        return;
    }
    feed->stats->snapshots++;
    place(consumer, snapshot);
}

static bool query_failed(struct feed_consumer *consumer, const struct pg_result *result)
{
    struct feed *feed = consumer->feed;
    consumer->query = NULL;
    if (pg_result_failure(result) == PG_OK)
        return false;
    feed->stats->snapshot_failures++;
    log_limited(&query_limit, LOG_LEVEL_WARNING, "feed %s: snapshot failed: %s", feed->name,
                pg_result_message(result));
    return true;
}

static struct members *read_members(const struct pg_result *result)
{
    int rows = pg_result_rows(result);
    struct members *members = members_new((size_t)rows);
    for (int i = 0; i < rows; i++) {
        const char *user = pg_result_text(result, i, 3, NULL);
        if (user)
            members_add(members, user, pg_result_i64(result, i, 4, 0));
    }
    members_sort(members);
    return members;
}

/* The first answer makes the consumer live at the head; later ones only say who takes part. */
static void on_members(void *owner, const struct pg_result *result)
{
    struct feed_consumer *consumer = owner;
    struct feed *feed = consumer->feed;
    if (query_failed(consumer, result))
        return;
    const char *epoch = pg_result_rows(result) ? pg_result_text(result, 0, 0, NULL) : NULL;
    if (!epoch) {
        consumer->ops->absent(consumer);
        return;
    }
    feed->members_version = pg_result_i64(result, 0, 2, 0);
    if (consumer->loaded) {
        consumer->ops->members(consumer, read_members(result));
        return;
    }
    struct snapshot snapshot = {.seq = pg_result_i64(result, 0, 1, 0),
                                .members = read_members(result)};
    (void)snprintf(snapshot.epoch, sizeof(snapshot.epoch), "%s", epoch);
    feed->stats->snapshots++;
    place(consumer, &snapshot);
    free(snapshot.members);
}

/* A log without members has no state but its head. */
static void on_position(void *owner, const struct pg_result *result)
{
    struct feed_consumer *consumer = owner;
    struct feed *feed = consumer->feed;
    if (query_failed(consumer, result) || consumer->loaded)
        return;
    const char *epoch = pg_result_rows(result) ? pg_result_text(result, 0, 1, NULL) : NULL;
    if (!epoch) {
        consumer->ops->absent(consumer);
        return;
    }
    struct snapshot snapshot = {.seq = pg_result_i64(result, 0, 2, 0)};
    (void)snprintf(snapshot.epoch, sizeof(snapshot.epoch), "%s", epoch);
    feed->stats->snapshots++;
    place(consumer, &snapshot);
}

static void on_snapshot(void *owner, const struct pg_result *result)
{
    struct feed_consumer *consumer = owner;
    const struct feed *feed = consumer->feed;
    if (query_failed(consumer, result))
        return;
    size_t length = 0;
    const char *text = pg_result_rows(result) ? pg_result_text(result, 0, 0, &length) : NULL;
    if (text)
        consumer->job =
            snapshot_job_start(feed->loop, &consumer->request, text, length, on_decoded, consumer);
    else
        consumer->ops->absent(consumer);
}

/* ---- the log ---- */

static int decode(const struct feed *feed, const char *text, size_t length,
                  struct feed_delta **ret_delta)
{
    return feed->log ? log_row_decode(text, length, ret_delta)
                     : feed_delta_decode(text, length, ret_delta);
}

/* Returns how many rows were applied, or -EINVAL: the log does not hold what is missing. */
static int apply_rows(struct feed *feed, const struct pg_result *result)
{
    int rows = pg_result_rows(result);
    int applied = 0;
    for (int i = 0; i < rows; i++) {
        size_t length = 0;
        const char *text = pg_result_text(result, i, 1, &length);
        int64_t seq = pg_result_i64(result, i, 0, -1);
        struct feed_delta *delta = NULL;
        if (seq <= feed->seq)
            continue;
        if (seq != feed->seq + 1 || !text)
            return -EINVAL;
        if (decode(feed, text, length, &delta)) {
            feed->stats->feed_malformed++;
            log_error("feed %s: row %" PRId64 " is not of the agreed form", feed->name, seq);
            return -EINVAL;
        }
        apply(feed, seq, delta);
        feed_delta_unref(delta);
        feed->stats->gap_rows++;
        applied++;
    }
    return applied;
}

static void on_rows(void *owner, const struct pg_result *result)
{
    struct feed *feed = owner;
    feed->read = NULL;
    if (pg_result_failure(result) != PG_OK) {
        log_limited(&query_limit, LOG_LEVEL_WARNING, "feed %s: log not read: %s", feed->name,
                    pg_result_message(result));
        return; /* the next poll tries again */
    }
    int applied = apply_rows(feed, result);
    if (applied <= 0 && feed->highest_seq > feed->seq) {
        log_warning("feed %s: the log no longer reaches %" PRId64 ": snapshot", feed->name,
                    feed->seq);
        reset(feed);
        return;
    }
    if (applied > 0)
        tell_changed(feed);
    catch_up(feed);
}

static void read_begin(struct feed *feed)
{
    set_state(feed, FEED_READING);
    if (feed->read)
        return;
    feed->read = feed_db_log_read(feed->pool, feed->name, feed->seq, FEED_PAGE_ROWS, on_rows, feed);
    if (feed->read)
        feed->stats->gap_reads++;
}

/* ---- from outside ---- */

/* A log has one consumer, its channel. */
static void ask_members(struct feed *feed)
{
    LIST_FOR_EACH(link, next, &feed->consumers)
    ask_snapshot(LIST_ITEM(link, struct feed_consumer, link));
}

void feed_on_head(struct feed *feed, const struct feed_head *head)
{
    if (feed->state != FEED_LIVE && feed->state != FEED_READING)
        return;
    if (strcmp(head->epoch, feed->epoch) != 0) {
        log_warning("feed %s: epoch %s became %s: snapshot", feed->name, feed->epoch, head->epoch);
        reset(feed);
        return;
    }
    if (feed->log && head->members_version != feed->members_version)
        ask_members(feed);
    /* Further is as good: then Redis has brought what was committed since. */
    if (feed->seq >= head->seq)
        feed->checked_at_ms = head->asked_at_ms;
    note_highest(feed, head->seq);
    if (feed->state == FEED_LIVE && feed->highest_seq > feed->seq)
        read_begin(feed);
}

void feed_retry(struct feed *feed)
{
    LIST_FOR_EACH(link, next, &feed->consumers)
    {
        struct feed_consumer *consumer = LIST_ITEM(link, struct feed_consumer, link);
        if (!consumer->loaded)
            ask_snapshot(consumer);
    }
    if (feed->state == FEED_READING)
        read_begin(feed);
}

void feed_on_clock_jump(struct feed *feed)
{
    if (!feed->log && feed->state != FEED_IDLE)
        reset(feed);
}

void feed_attach(struct feed *feed, struct feed_consumer *consumer)
{
    consumer->feed = feed;
    consumer->loaded = false;
    consumer->query = NULL;
    consumer->job = NULL;
    list_append(&feed->consumers, &consumer->link);
    if (feed->state == FEED_IDLE)
        set_state(feed, FEED_SNAPSHOT);
    ask_snapshot(consumer);
}

static bool any_loaded(const struct feed *feed)
{
    LIST_FOR_EACH(link, next, &feed->consumers)
    {
        if (LIST_ITEM(link, struct feed_consumer, link)->loaded)
            return true;
    }
    return false;
}

static void after_loss(struct feed *feed)
{
    if (list_empty(&feed->consumers))
        set_state(feed, FEED_IDLE);
    else if (!any_loaded(feed))
        set_state(feed, FEED_SNAPSHOT);
    else
        lowest_position(feed);
}

void feed_detach(struct feed_consumer *consumer)
{
    struct feed *feed = consumer->feed;
    if (!feed)
        return;
    forget_snapshot(consumer);
    list_remove(&consumer->link);
    consumer->feed = NULL;
    consumer->loaded = false;
    after_loss(feed);
}
