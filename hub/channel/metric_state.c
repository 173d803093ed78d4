/* Each window is a running total over the buckets of a ring: what is added to a bucket inside the
 * window is added to the total too, and when the window slides the buckets that fall out are
 * subtracted. So that a render costs the same however much happened. */
#include "hub/channel/metric_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

#define MINUTE_MS 60000
#define HOUR_MINUTES 60
#define DAY_HOURS 24

static const struct {
    bool hours; /* counted in hours, else in minutes */
    int64_t span;
} window_shapes[WINDOW_COUNT] = {
    [WINDOW_5M] = {false, 5},
    [WINDOW_1H] = {false, 60},
    [WINDOW_24H] = {false, METRIC_MINUTES},
    [WINDOW_30D] = {true, METRIC_HOURS},
};

static const double quantile_ranks[QUANTILE_COUNT] = {0.50, 0.95, 0.99};

struct metric_state *metric_state_new(int64_t now_ms, int64_t stuck_after_ms)
{
    struct metric_state *state = memory_zalloc(sizeof(*state));
    int64_t minute = now_ms / MINUTE_MS, hour = minute / HOUR_MINUTES;
    state->now_ms = now_ms;
    state->stuck_after_ms = stuck_after_ms;
    time_ring_init(&state->minutes, METRIC_MINUTES, minute);
    time_ring_init(&state->hours, METRIC_HOURS, hour);
    time_ring_init(&state->days, METRIC_DAYS, hour / DAY_HOURS);
    for (int kind = 0; kind < SAMPLE_KIND_COUNT; kind++)
        sample_set_init(&state->samples[kind]);
    open_jobs_init(&state->open);
    open_jobs_advance(&state->open, (now_ms - stuck_after_ms) / 1000);
    return state;
}

void metric_state_free(struct metric_state *state)
{
    if (!state)
        return;
    time_ring_done(&state->minutes);
    time_ring_done(&state->hours);
    time_ring_done(&state->days);
    for (int window = 0; window < WINDOW_COUNT; window++) {
        for (int kind = 0; kind < SAMPLE_KIND_COUNT; kind++)
            free(state->windows[window].sketches[kind]);
    }
    for (int kind = 0; kind < SAMPLE_KIND_COUNT; kind++)
        sample_set_done(&state->samples[kind]);
    open_jobs_done(&state->open);
    free(state);
}

static bool window_has(const struct metric_state *state, int window, bool hours, int64_t key)
{
    const struct time_ring *ring = hours ? &state->hours : &state->minutes;
    return window_shapes[window].hours == hours && key > ring->now - window_shapes[window].span;
}

static void window_add_bin(struct window_totals *totals, int kind, int bin, int64_t n)
{
    if (!totals->sketches[kind])
        totals->sketches[kind] = memory_zalloc(sizeof(struct ddsketch));
    ddsketch_add(totals->sketches[kind], bin, n);
    totals->quantiles[kind].known = false;
}

/* `hours`: the key is an hour's, and counts in hours, days and the 30-day window. */
static void add_counter(struct metric_state *state, bool hours, int64_t key, int counter, int64_t n)
{
    struct time_bucket *bucket = time_ring_get(hours ? &state->hours : &state->minutes, key);
    if (!bucket || !n)
        return;
    bucket->counters[counter] += n;
    for (int window = 0; window < WINDOW_COUNT; window++) {
        if (window_has(state, window, hours, key))
            state->windows[window].counters[counter] += n;
    }
    struct time_bucket *day = hours ? time_ring_get(&state->days, key / DAY_HOURS) : NULL;
    if (day)
        day->counters[counter] += n;
}

static void add_bin(struct metric_state *state, bool hours, int64_t key, int kind, int bin,
                    int64_t n)
{
    struct time_bucket *bucket = time_ring_get(hours ? &state->hours : &state->minutes, key);
    if (!bucket || !n)
        return;
    bin_list_add(&bucket->bins[kind], bin, n);
    bucket->p95_known = false;
    for (int window = 0; window < WINDOW_COUNT; window++) {
        if (window_has(state, window, hours, key))
            window_add_bin(&state->windows[window], kind, bin, n);
    }
    struct time_bucket *day = hours ? time_ring_get(&state->days, key / DAY_HOURS) : NULL;
    if (day) {
        bin_list_add(&day->bins[kind], bin, n);
        day->p95_known = false;
    }
}

static void add_sample(struct metric_state *state, int kind, const int64_t row[3])
{
    int bin = ddsketch_bin(row[1]);
    add_bin(state, false, row[0], kind, bin, row[2]);
    add_bin(state, true, row[0] / HOUR_MINUTES, kind, bin, row[2]);
    if (row[0] >= 0)
        sample_set_add(&state->samples[kind], row[0], row[1], row[2]);
}

static void add_samples(struct metric_state *state, int kind, const struct int_table *table)
{
    for (size_t i = 0; i < table->rows; i++)
        add_sample(state, kind, int_table_row(table, i));
}

void metric_state_apply(struct metric_state *state, const struct feed_delta *delta)
{
    for (size_t i = 0; i < delta->counters.rows; i++) {
        const int64_t *row = int_table_row(&delta->counters, i);
        for (int counter = 0; counter < COUNTER_FEED_COUNT; counter++) {
            add_counter(state, false, row[0], counter, row[counter + 1]);
            add_counter(state, true, row[0] / HOUR_MINUTES, counter, row[counter + 1]);
        }
    }
    for (size_t i = 0; i < delta->users.rows; i++) {
        const int64_t *row = int_table_row(&delta->users, i);
        add_counter(state, false, row[0], COUNTER_USERS, row[1]);
        add_counter(state, true, row[0] / HOUR_MINUTES, COUNTER_USERS, row[1]);
    }
    add_samples(state, SAMPLE_DURATION, &delta->durations);
    add_samples(state, SAMPLE_QUEUE, &delta->queues);
    for (size_t i = 0; i < delta->open.rows; i++) {
        const int64_t *row = int_table_row(&delta->open, i);
        open_jobs_add(&state->open, row[0], row[1]);
    }
    for (int gauge = 0; gauge < GAUGE_COUNT; gauge++)
        state->gauges[gauge] += delta->gauges[gauge];
}

static void window_drop(struct window_totals *totals, const struct time_bucket *bucket)
{
    for (int counter = 0; counter < COUNTER_COUNT; counter++)
        totals->counters[counter] -= bucket->counters[counter];
    for (int kind = 0; kind < SAMPLE_KIND_COUNT; kind++) {
        const struct bin_list *bins = &bucket->bins[kind];
        for (uint32_t i = 0; i < bins->count; i++)
            window_add_bin(totals, kind, bins->items[i].bin, -bins->items[i].n);
    }
}

static void window_slide(struct metric_state *state, int window, int64_t now)
{
    struct time_ring *ring = window_shapes[window].hours ? &state->hours : &state->minutes;
    int64_t last = now - window_shapes[window].span;
    int64_t first = ring->now - window_shapes[window].span + 1;
    if (last - first > (int64_t)ring->slot_count)
        last = first + (int64_t)ring->slot_count;
    for (int64_t key = first; key <= last; key++) {
        const struct time_bucket *bucket = time_ring_find(ring, key);
        if (bucket)
            window_drop(&state->windows[window], bucket);
    }
}

void metric_state_advance(struct metric_state *state, int64_t now_ms)
{
    if (now_ms <= state->now_ms)
        return;
    int64_t minute = now_ms / MINUTE_MS, hour = minute / HOUR_MINUTES;
    for (int window = 0; window < WINDOW_COUNT; window++)
        window_slide(state, window, window_shapes[window].hours ? hour : minute);
    time_ring_advance(&state->minutes, minute);
    time_ring_advance(&state->hours, hour);
    time_ring_advance(&state->days, hour / DAY_HOURS);
    open_jobs_advance(&state->open, (now_ms - state->stuck_after_ms) / 1000);
    state->now_ms = now_ms;
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* The samples of a window; false if there are too many, or not all are held. */
static bool exact_samples(const struct metric_state *state, int window, int kind, int64_t total,
                          int64_t out[SAMPLE_SET_CAPACITY])
{
    int64_t from = window_shapes[window].hours
                       ? (state->hours.now - window_shapes[window].span + 1) * HOUR_MINUTES
                       : state->minutes.now - window_shapes[window].span + 1;
    size_t count = 0;
    if (total > SAMPLE_SET_CAPACITY ||
        !sample_set_since(&state->samples[kind], from, out, &count) || (int64_t)count != total)
        return false;
    qsort(out, count, sizeof(*out), compare_i64);
    return true;
}

static void find_quantiles(struct metric_state *state, int window, int kind)
{
    static int64_t values[SAMPLE_SET_CAPACITY]; /* one thread, too large for the stack */
    struct window_totals *totals = &state->windows[window];
    const struct ddsketch *sketch = totals->sketches[kind];
    struct window_quantiles *quantiles = &totals->quantiles[kind];
    quantiles->known = true;
    if (!sketch || sketch->total <= 0) {
        for (int q = 0; q < QUANTILE_COUNT; q++)
            quantiles->ms[q] = -1;
        return;
    }
    bool exact = exact_samples(state, window, kind, sketch->total, values);
    for (int q = 0; q < QUANTILE_COUNT; q++) {
        size_t rank = (size_t)(quantile_ranks[q] * (double)(sketch->total - 1));
        quantiles->ms[q] =
            exact ? values[rank] : llround(ddsketch_quantile(sketch, quantile_ranks[q]));
    }
}

int64_t metric_state_quantile(struct metric_state *state, enum window window, enum sample_kind kind,
                              enum quantile quantile)
{
    struct window_quantiles *quantiles = &state->windows[window].quantiles[kind];
    if (!quantiles->known)
        find_quantiles(state, (int)window, (int)kind);
    return quantiles->ms[quantile];
}

int64_t metric_state_oldest_ms(struct metric_state *state)
{
    int64_t second = open_jobs_oldest(&state->open);
    return second < 0 ? -1 : second * 1000;
}

int64_t metric_state_in_flight(const struct metric_state *state)
{
    int64_t sum = 0;
    for (int gauge = 0; gauge < GAUGE_COUNT; gauge++)
        sum += state->gauges[gauge];
    return sum;
}

static int load_counters(struct metric_state *state, bool hours, const json_t *array)
{
    struct int_table table;
    int error = int_table_read(array, FEED_COUNTER_COLUMNS, &table);
    if (error)
        return error;
    for (size_t i = 0; i < table.rows; i++) {
        const int64_t *row = int_table_row(&table, i);
        for (int counter = 0; counter < COUNTER_FEED_COUNT; counter++)
            add_counter(state, hours, row[0], counter, row[counter + 1]);
    }
    int_table_done(&table);
    return 0;
}

static int load_users(struct metric_state *state, bool hours, const json_t *array)
{
    struct int_table table;
    int error = int_table_read(array, 2, &table);
    if (error)
        return error;
    for (size_t i = 0; i < table.rows; i++) {
        const int64_t *row = int_table_row(&table, i);
        add_counter(state, hours, row[0], COUNTER_USERS, row[1]);
    }
    int_table_done(&table);
    return 0;
}

static int load_bins(struct metric_state *state, bool hours, int kind, const json_t *array)
{
    struct int_table table;
    int error = int_table_read(array, 3, &table);
    if (error)
        return error;
    for (size_t i = 0; i < table.rows && !error; i++) {
        const int64_t *row = int_table_row(&table, i);
        if (row[1] < 0 || row[1] >= DDSKETCH_BINS)
            error = -EINVAL;
        else
            add_bin(state, hours, row[0], kind, (int)row[1], row[2]);
    }
    int_table_done(&table);
    return error;
}

static int load_newest(struct metric_state *state, int kind, const json_t *array,
                       const json_t *total)
{
    struct int_table table;
    int error = int_table_read(array, 2, &table);
    if (error)
        return error;
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < table.rows; i++) {
        const int64_t *row = int_table_row(&table, i);
        sample_set_add(&state->samples[kind], row[0], row[1], 1);
        oldest = row[0] < oldest ? row[0] : oldest;
    }
    if (json_integer_value(total) > (int64_t)table.rows)
        sample_set_leave_out(&state->samples[kind], oldest);
    for (int window = 0; window < WINDOW_COUNT; window++)
        state->windows[window].quantiles[kind].known = false;
    int_table_done(&table);
    return 0;
}

static int load_open(struct metric_state *state, const json_t *array)
{
    struct int_table table;
    int error = int_table_read(array, 2, &table);
    if (error)
        return error;
    for (size_t i = 0; i < table.rows; i++)
        open_jobs_add(&state->open, int_table_row(&table, i)[0], int_table_row(&table, i)[1]);
    int_table_done(&table);
    return 0;
}

static int load_gauges(struct metric_state *state, const json_t *array)
{
    if (!json_is_array(array) || json_array_size(array) < GAUGE_COUNT)
        return -EINVAL;
    for (size_t i = 0; i < GAUGE_COUNT; i++) {
        if (!json_is_integer(json_array_get(array, i)))
            return -EINVAL;
        state->gauges[i] += json_integer_value(json_array_get(array, i));
    }
    return 0;
}

int metric_state_load(struct metric_state *state, const json_t *partner)
{
#define MEMBER(name) json_object_get(partner, name)
    bool failed = load_counters(state, false, MEMBER("minutes")) ||
                  load_counters(state, true, MEMBER("hours")) ||
                  load_bins(state, false, SAMPLE_DURATION, MEMBER("d_minutes")) ||
                  load_bins(state, true, SAMPLE_DURATION, MEMBER("d_hours")) ||
                  load_bins(state, false, SAMPLE_QUEUE, MEMBER("q_minutes")) ||
                  load_bins(state, true, SAMPLE_QUEUE, MEMBER("q_hours")) ||
                  load_newest(state, SAMPLE_DURATION, MEMBER("d_newest"), MEMBER("d_total")) ||
                  load_newest(state, SAMPLE_QUEUE, MEMBER("q_newest"), MEMBER("q_total")) ||
                  load_users(state, false, MEMBER("u_minutes")) ||
                  load_users(state, true, MEMBER("u_hours")) || load_open(state, MEMBER("o")) ||
                  load_gauges(state, MEMBER("s"));
#undef MEMBER
    return failed ? -EINVAL : 0;
}
