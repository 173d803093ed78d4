#include "hub/channel/reconciler.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/channel.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

static void forget_recorded(struct reconciler *reconciler)
{
    for (size_t i = 0; i < reconciler->recorded_count; i++)
        feed_delta_unref(reconciler->recorded[i]);
    free(reconciler->recorded);
    reconciler->recorded = NULL;
    reconciler->recorded_count = reconciler->recorded_capacity = 0;
}

void reconciler_init(struct reconciler *reconciler, struct channel *channel, int64_t now_ms)
{
    *reconciler = (struct reconciler){.channel = channel, .begun_ms = now_ms};
}

void reconciler_reset(struct reconciler *reconciler)
{
    feed_query_drop(reconciler->query);
    snapshot_job_drop(reconciler->job);
    reconciler->query = NULL;
    reconciler->job = NULL;
    forget_recorded(reconciler);
    metric_scope_free(reconciler->fresh);
    reconciler->fresh = NULL;
    reconciler->state = RECONCILER_IDLE;
}

static void record(struct reconciler *reconciler, struct feed_delta *delta)
{
    if (reconciler->recorded_count == RECONCILER_MAX_RECORDED) {
        reconciler_reset(reconciler);
        return;
    }
    if (reconciler->recorded_count == reconciler->recorded_capacity) {
        reconciler->recorded_capacity =
            reconciler->recorded_capacity ? reconciler->recorded_capacity * 2 : 64;
        reconciler->recorded = memory_realloc(
            reconciler->recorded, reconciler->recorded_capacity * sizeof(struct feed_delta *));
    }
    reconciler->recorded[reconciler->recorded_count++] = feed_delta_ref(delta);
}

/* Both stand at the same row: compare at the same moment, repair. */
static void compare(struct reconciler *reconciler)
{
    struct channel *channel = reconciler->channel;
    int64_t now_ms = time_wall_ms();
    char field[192] = "";
    if (reconciler->fresh->total->now_ms > now_ms)
        now_ms = reconciler->fresh->total->now_ms;
    metric_scope_advance(reconciler->fresh, now_ms);
    metric_scope_advance(channel->scope, now_ms);
    now_ms = channel->scope->total->now_ms;
    metric_scope_advance(reconciler->fresh, now_ms);
    channel->context->stats->reconciliations++;
    if (!metric_scope_equal(channel->scope, reconciler->fresh, field, sizeof(field))) {
        channel->context->stats->drift++;
        log_error("channel %s: drift at %" PRId64 ": hub and Postgres differ in %s", channel->name,
                  channel->consumer.seq, field);
        struct metric_scope *wrong = channel->scope;
        channel->scope = reconciler->fresh;
        reconciler->fresh = wrong;
    }
    channel->changed = true; /* time was moved on unseen */
    reconciler_reset(reconciler);
}

/* Brings Postgres' answer up to the channel, if the channel is further. */
static void catch_up(struct reconciler *reconciler)
{
    int64_t channel_seq = reconciler->channel->consumer.seq;
    for (size_t i = 0; i < reconciler->recorded_count; i++) {
        if (reconciler->recorded_from + 1 + (int64_t)i != reconciler->fresh_seq + 1)
            continue;
        metric_scope_apply(reconciler->fresh, reconciler->recorded[i]);
        reconciler->fresh_seq++;
    }
    forget_recorded(reconciler);
    if (reconciler->fresh_seq == channel_seq)
        compare(reconciler);
    else if (reconciler->fresh_seq > channel_seq)
        reconciler->state = RECONCILER_AHEAD;
    else
        reconciler_reset(reconciler); /* answered by a replica that lags: next time */
}

static void on_decoded(void *owner, struct snapshot *snapshot)
{
    struct reconciler *reconciler = owner;
    const struct channel *channel = reconciler->channel;
    reconciler->job = NULL;
    if (!snapshot || !channel->consumer.loaded ||
        strcmp(snapshot->epoch, channel->consumer.feed->epoch) != 0) {
        reconciler_reset(reconciler);
        return;
    }
    reconciler->fresh = snapshot->scope;
    reconciler->fresh_seq = snapshot->seq;
    snapshot->scope = NULL;
    catch_up(reconciler);
}

static void on_answer(void *owner, const struct pg_result *result)
{
    struct reconciler *reconciler = owner;
    struct channel *channel = reconciler->channel;
    reconciler->query = NULL;
    size_t length = 0;
    bool usable = pg_result_failure(result) == PG_OK && pg_result_rows(result) == 1;
    const char *text = usable ? pg_result_text(result, 0, 0, &length) : NULL;
    if (text)
        reconciler->job = snapshot_job_start(channel->context->loop, &channel->consumer.request,
                                             text, length, on_decoded, reconciler);
    if (reconciler->job)
        return;
    log_warning("channel %s: not compared: %s", channel->name, pg_result_message(result));
    reconciler_reset(reconciler);
}

void reconciler_second(struct reconciler *reconciler, int64_t now_ms)
{
    struct channel *channel = reconciler->channel;
    int64_t interval_ms = channel->context->settings->reconcile_interval_ms;
    if (now_ms - reconciler->begun_ms < interval_ms || !channel->consumer.loaded ||
        reconciler->query || reconciler->job)
        return;
    reconciler_reset(reconciler);
    reconciler->begun_ms = now_ms;
    reconciler->recorded_from = channel->consumer.seq;
    reconciler->query = feed_db_metrics_snapshot(
        channel->context->feeds->pool, channel->consumer.feed->scope, true, on_answer, reconciler);
    if (reconciler->query)
        reconciler->state = RECONCILER_ASKED;
}

void reconciler_on_row(struct reconciler *reconciler, int64_t seq, struct feed_delta *delta)
{
    if (reconciler->state == RECONCILER_ASKED)
        record(reconciler, delta);
    else if (reconciler->state == RECONCILER_AHEAD && seq == reconciler->fresh_seq)
        compare(reconciler);
}
