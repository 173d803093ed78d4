#include "metricsctl/plan.h"

#include <stdlib.h>

#include "metricsctl/random.h"
#include "shared/base/memory.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

static void add(struct plan *plan, struct lane *lane, int64_t due_ms, uint32_t event,
                enum damage damage)
{
    if ((lane->count & (lane->count - 1)) == 0) {
        size_t capacity = lane->count ? 2 * lane->count : 1;
        lane->deliveries = memory_realloc(lane->deliveries, capacity * sizeof(*lane->deliveries));
    }
    lane->deliveries[lane->count++] =
        (struct delivery){.due_ms = due_ms, .event = event, .damage = damage};
    plan->delivery_count++;
}

/* Each event draws the same numbers whatever happens to it, so that a seed means the same plan. */
static void add_chaotic(struct plan *plan, struct lane *lane, int64_t due_ms, uint32_t event,
                        struct random *random)
{
    bool twice = random_unit(random) < 0.05, reordered = random_unit(random) < 0.05;
    bool delayed = random_unit(random) < 0.01, damaged = random_unit(random) < 0.001;
    int64_t again_ms = random_between(random, 0, 10 * MINUTE_MS);
    int64_t shift_ms = random_between(random, 1000, 5 * MINUTE_MS);
    int64_t delay_ms = random_between(random, HOUR_MS, 24 * HOUR_MS);
    enum damage damage = (enum damage)random_between(random, 1, DAMAGE_COUNT - 1);

    if (damaged)
        add(plan, lane, due_ms, event, damage);
    if (twice)
        add(plan, lane, due_ms + again_ms, event, DAMAGE_NONE);
    if (reordered)
        due_ms += shift_ms;
    if (delayed)
        due_ms += delay_ms;
    add(plan, lane, due_ms, event, DAMAGE_NONE);
}

static int by_due(const void *a, const void *b)
{
    const struct delivery *left = a, *right = b;

    if (left->due_ms != right->due_ms)
        return left->due_ms < right->due_ms ? -1 : 1;
    if (left->event != right->event)
        return left->event < right->event ? -1 : 1;
    /* Damaged first: the server must not take the id for used. */
    return (int)right->damage - (int)left->damage;
}

void plan_make(const struct trace *trace, bool chaos, uint64_t seed, struct plan *ret_plan)
{
    struct plan plan = {.lane_count = trace->partner_count};
    struct random random = {.state = seed};

    plan.lanes = memory_array(plan.lane_count, sizeof(*plan.lanes));
    for (size_t i = 0; i < trace->row_count; i++) {
        const struct trace_row *row = &trace->rows[i];
        struct lane *lane = &plan.lanes[trace_partner_of(trace, row)];
        for (uint32_t kind = 0; kind < (row->status == TRACE_OPEN ? 1u : 2u); kind++) {
            int64_t at_ms = kind ? row->terminal_ms : row->requested_ms;
            uint32_t event = (uint32_t)(2 * i) + kind;
            if (chaos)
                add_chaotic(&plan, lane, at_ms - trace->first_ms, event, &random);
            else
                add(&plan, lane, at_ms - trace->first_ms, event, DAMAGE_NONE);
            plan.event_count++;
        }
    }
    for (size_t i = 0; i < plan.lane_count; i++)
        qsort(plan.lanes[i].deliveries, plan.lanes[i].count, sizeof(struct delivery), by_due);
    *ret_plan = plan;
}

void plan_done(struct plan *plan)
{
    for (size_t i = 0; i < plan->lane_count; i++)
        free(plan->lanes[i].deliveries);
    free(plan->lanes);
    *plan = (struct plan){0};
}
