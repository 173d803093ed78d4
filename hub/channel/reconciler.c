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

void reconciler_init(struct reconciler *reconciler, struct channel *channel, int64_t due_ms)
{
    *reconciler = (struct reconciler){.channel = channel, .due_ms = due_ms};
}

void reconciler_reset(struct reconciler *reconciler)
{
    feed_query_drop(reconciler->query);
    reconciler->query = NULL;
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

static bool load(struct reconciler *reconciler, const char *text, size_t length)
{
    struct channel *channel = reconciler->channel;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const char *epoch = json_string_value(json_object_get(root, "epoch"));
    bool usable =
        epoch && channel->consumer.loaded && strcmp(epoch, channel->consumer.feed->epoch) == 0;
    if (usable) {
        int64_t at_ms = json_integer_value(json_object_get(root, "at"));
        reconciler->fresh_seq = json_integer_value(json_object_get(root, "seq"));
        reconciler->fresh = metric_scope_new(channel->parsed.platform, channel->context->names,
                                             at_ms, channel->context->settings->stuck_after_ms);
        usable = metric_scope_load(reconciler->fresh, root) == 0;
    }
    json_decref(root);
    return usable;
}

static void on_answer(void *owner, const struct pg_result *result)
{
    struct reconciler *reconciler = owner;
    reconciler->query = NULL;
    size_t length = 0;
    bool usable = pg_result_failure(result) == PG_OK && pg_result_rows(result) == 1;
    const char *text = usable ? pg_result_text(result, 0, 0, &length) : NULL;
    if (text && load(reconciler, text, length)) {
        catch_up(reconciler);
        return;
    }
    if (pg_result_failure(result) != PG_OK)
        log_warning("channel %s: not compared: %s", reconciler->channel->name,
                    pg_result_message(result));
    reconciler_reset(reconciler);
}

void reconciler_second(struct reconciler *reconciler, int64_t now_ms)
{
    struct channel *channel = reconciler->channel;
    if (now_ms < reconciler->due_ms || !channel->consumer.loaded || reconciler->query)
        return;
    reconciler_reset(reconciler);
    reconciler->due_ms = now_ms + channel->context->settings->reconcile_interval_ms;
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
