/* Field by field comparison of two metric states, for the reconciler and for tests. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/metric_state.h"
#include "shared/base/memory.h"

static const char *const counter_names[COUNTER_COUNT] = {
    "requested", "completed", "failed",    "cancelled", "retried", "tokens",
    "units",     "cost",      "published", "started",   "users"};

struct outcome {
    char *out;
    size_t size;
};

PRINTF_LIKE(2, 3) static bool differs(const struct outcome *outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(outcome->out, outcome->size, format, arguments);
    va_end(arguments);
    return false;
}

static bool counters_equal(const int64_t *a, const int64_t *b, const char *where, int64_t key,
                           const struct outcome *outcome)
{
    for (int i = 0; i < COUNTER_COUNT; i++) {
        if (a[i] != b[i])
            return differs(outcome, "%s[%" PRId64 "].%s %" PRId64 " != %" PRId64, where, key,
                           counter_names[i], a[i], b[i]);
    }
    return true;
}

static bool bins_equal(const struct bin_list *a, const struct bin_list *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->items[i].bin != b->items[i].bin || a->items[i].n != b->items[i].n)
            return false;
    }
    return true;
}

static bool rings_equal(const struct time_ring *a, const struct time_ring *b, const char *where,
                        const struct outcome *outcome)
{
    static const struct time_bucket nothing;
    if (a->now != b->now)
        return differs(outcome, "%s: at different times", where);
    for (int64_t key = a->now - a->span + 1; key <= a->now + TIME_RING_AHEAD; key++) {
        const struct time_bucket *x = time_ring_find(a, key), *y = time_ring_find(b, key);
        x = x ? x : &nothing;
        y = y ? y : &nothing;
        if (!counters_equal(x->counters, y->counters, where, key, outcome))
            return false;
        for (int kind = 0; kind < SAMPLE_KIND_COUNT; kind++) {
            if (!bins_equal(&x->bins[kind], &y->bins[kind]))
                return differs(outcome, "%s[%" PRId64 "].bins[%d]", where, key, kind);
        }
    }
    return true;
}

static bool sketches_equal(const struct ddsketch *a, const struct ddsketch *b)
{
    static const struct ddsketch nothing;
    a = a ? a : &nothing;
    b = b ? b : &nothing;
    return a->total == b->total && memcmp(a->counts, b->counts, sizeof(a->counts)) == 0;
}

static bool windows_equal(const struct metric_state *a, const struct metric_state *b,
                          const struct outcome *outcome)
{
    for (int window = 0; window < WINDOW_COUNT; window++) {
        const struct window_totals *x = &a->windows[window], *y = &b->windows[window];
        if (!counters_equal(x->counters, y->counters, "window", window, outcome))
            return false;
        for (int kind = 0; kind < SAMPLE_KIND_COUNT; kind++) {
            if (!sketches_equal(x->sketches[kind], y->sketches[kind]))
                return differs(outcome, "window[%d].sketch[%d]", window, kind);
        }
    }
    return true;
}

static int compare_samples(const void *left, const void *right)
{
    struct sample a, b;
    memcpy(&a, left, sizeof(a));
    memcpy(&b, right, sizeof(b));
    if (a.minute != b.minute)
        return a.minute < b.minute ? -1 : 1;
    return (a.ms > b.ms) - (a.ms < b.ms);
}

/* Sorted copy of the samples after `after`. */
static struct sample *samples_after(const struct sample_set *set, int64_t after, size_t *ret_count)
{
    struct sample *copy = memory_array(set->count + 1, sizeof(*copy));
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].minute > after)
            copy[count++] = set->items[i];
    }
    qsort(copy, count, sizeof(*copy), compare_samples);
    *ret_count = count;
    return copy;
}

/* Only what both hold in full: not what fell out of one of them, nor of the 30 days. */
static bool samples_equal(const struct metric_state *a, const struct metric_state *b, int kind,
                          const struct outcome *outcome)
{
    int64_t after = (a->hours.now - METRIC_HOURS + 1) * 60 - 1;
    after = a->samples[kind].left_out > after ? a->samples[kind].left_out : after;
    after = b->samples[kind].left_out > after ? b->samples[kind].left_out : after;
    size_t x_count, y_count;
    struct sample *x = samples_after(&a->samples[kind], after, &x_count);
    struct sample *y = samples_after(&b->samples[kind], after, &y_count);
    bool equal = x_count == y_count && memcmp(x, y, x_count * sizeof(*x)) == 0;
    free(x);
    free(y);
    return equal ||
           differs(outcome, "samples[%d]: %zu and %zu, not the same", kind, x_count, y_count);
}

static size_t next_open(const struct open_jobs *jobs, size_t at)
{
    while (at < jobs->count && !jobs->items[at].n)
        at++;
    return at;
}

static bool open_equal(const struct open_jobs *a, const struct open_jobs *b,
                       const struct outcome *outcome)
{
    size_t i = next_open(a, 0), j = next_open(b, 0);
    while (i < a->count && j < b->count) {
        if (a->items[i].second != b->items[j].second || a->items[i].n != b->items[j].n)
            return differs(outcome, "open[%" PRId64 "] %" PRId64 " != [%" PRId64 "] %" PRId64,
                           a->items[i].second, a->items[i].n, b->items[j].second, b->items[j].n);
        i = next_open(a, i + 1);
        j = next_open(b, j + 1);
    }
    if (i < a->count || j < b->count)
        return differs(outcome, "open: one has more seconds");
    if (a->stuck != b->stuck)
        return differs(outcome, "stuck %" PRId64 " != %" PRId64, a->stuck, b->stuck);
    return true;
}

// NOLINTNEXTLINE(readability-non-const-parameter): written through `outcome`
bool metric_state_equal(const struct metric_state *a, const struct metric_state *b, char *out,
                        size_t size)
{
    struct outcome outcome = {out, size};
    if (!rings_equal(&a->minutes, &b->minutes, "minutes", &outcome) ||
        !rings_equal(&a->hours, &b->hours, "hours", &outcome) ||
        !rings_equal(&a->days, &b->days, "days", &outcome) || !windows_equal(a, b, &outcome) ||
        !open_equal(&a->open, &b->open, &outcome))
        return false;
    for (int gauge = 0; gauge < GAUGE_COUNT; gauge++) {
        if (a->gauges[gauge] != b->gauges[gauge])
            return differs(&outcome, "gauge[%d] %" PRId64 " != %" PRId64, gauge, a->gauges[gauge],
                           b->gauges[gauge]);
    }
    return samples_equal(a, b, SAMPLE_DURATION, &outcome) &&
           samples_equal(a, b, SAMPLE_QUEUE, &outcome);
}
