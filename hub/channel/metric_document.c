/* Keys: section (8 bits), object (8), item (32), part (8), window (4), field (4). The item is the
 * bucket of a series or the partner's id, so that a bucket or a partner is one container. */
#include "hub/channel/metric_document.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

enum section {
    SECTION_NOW = 1,
    SECTION_WINDOWS,
    SECTION_SERIES,
    SECTION_PARTIAL,
    SECTION_PARTNERS
};

#define NOW_TABLE(X)                                                                               \
    X(REQUESTED, "requested")                                                                      \
    X(QUEUED, "queued")                                                                            \
    X(RUNNING, "running")                                                                          \
    X(IN_FLIGHT, "in_flight")                                                                      \
    X(STUCK, "stuck")                                                                              \
    X(OLDEST_AT, "oldest_at")                                                                      \
    X(STUCK_AFTER_MS, "stuck_after_ms")

#define WINDOW_FIELD_TABLE(X)                                                                      \
    X(REQUESTED, "requested")                                                                      \
    X(COMPLETED, "completed")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(CANCELLED, "cancelled")                                                                      \
    X(RETRIED, "retried")                                                                          \
    X(PUBLISHED, "published")                                                                      \
    X(ACTIVE_USERS, "active_users")                                                                \
    X(TOKENS, "tokens")                                                                            \
    X(UNITS, "units")                                                                              \
    X(SUCCESS_RATE, "success_rate")                                                                \
    X(FAILURE_RATE, "failure_rate")                                                                \
    X(RETRY_RATE, "retry_rate")                                                                    \
    X(P50, "p50_ms")                                                                               \
    X(P95, "p95_ms")                                                                               \
    X(P99, "p99_ms")                                                                               \
    X(QUEUE_P50, "queue_p50_ms")                                                                   \
    X(QUEUE_P95, "queue_p95_ms")                                                                   \
    X(COST, "cost")

#define BUCKET_FIELD_TABLE(X)                                                                      \
    X(REQUESTED, "requested")                                                                      \
    X(COMPLETED, "completed")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(CANCELLED, "cancelled")                                                                      \
    X(P95, "p95_ms")                                                                               \
    X(COST, "cost")

#define PARTNER_PART_TABLE(X)                                                                      \
    X(NAME, "name")                                                                                \
    X(IN_FLIGHT, "in_flight")                                                                      \
    X(STUCK, "stuck")                                                                              \
    X(WINDOWS, "windows")

#define PARTNER_FIELD_TABLE(X)                                                                     \
    X(REQUESTED, "requested")                                                                      \
    X(COMPLETED, "completed")                                                                      \
    X(FAILED, "failed")                                                                            \
    X(P95, "p95_ms")

#define X(name, text) NOW_##name,
enum now_field { NOW_NONE, NOW_TABLE(X) };
#undef X
#define X(name, text) WINDOW_FIELD_##name,
enum window_field { WINDOW_FIELD_NONE, WINDOW_FIELD_TABLE(X) };
#undef X
#define X(name, text) BUCKET_##name,
enum bucket_field { BUCKET_NONE, BUCKET_FIELD_TABLE(X) };
#undef X
#define X(name, text) PARTNER_PART_##name,
enum partner_part { PARTNER_PART_NONE, PARTNER_PART_TABLE(X) };
#undef X
#define X(name, text) PARTNER_FIELD_##name,
enum partner_field { PARTNER_FIELD_NONE, PARTNER_FIELD_TABLE(X) };
#undef X

enum grain { GRAIN_MINUTE = 1, GRAIN_HOUR, GRAIN_DAY, GRAIN_END };

/* The id of "_other": after every partner. */
#define OTHER_ID UINT32_MAX

enum step_kind {
    STEP_SECTION,
    STEP_NOW,
    STEP_WINDOW,
    STEP_WINDOW_FIELD,
    STEP_GRAIN,
    STEP_MINUTE,
    STEP_HOUR,
    STEP_DAY,
    STEP_BUCKET_FIELD,
    STEP_PARTNER,
    STEP_PARTNER_PART,
    STEP_PARTNER_FIELD
};

#define X(name, text) text,
static const char *const section_texts[] = {"", "now", "windows", "series", "partial", "partners"};
static const char *const now_texts[] = {"", NOW_TABLE(X)};
static const char *const window_texts[] = {"5m", "1h", "24h", "30d"};
static const char *const window_field_texts[] = {"", WINDOW_FIELD_TABLE(X)};
static const char *const grain_texts[] = {"", "minute", "hour", "day"};
static const char *const bucket_field_texts[] = {"", BUCKET_FIELD_TABLE(X)};
static const char *const partner_part_texts[] = {"", PARTNER_PART_TABLE(X)};
static const char *const partner_field_texts[] = {"", PARTNER_FIELD_TABLE(X)};
#undef X

static const int64_t grain_seconds[] = {0, 60, 3600, 86400};
static const int64_t grain_buckets[] = {0, 60, 24, METRIC_DAYS};

static uint64_t make_key(unsigned section, unsigned object, uint32_t item, unsigned part,
                         unsigned window, unsigned field)
{
    return (uint64_t)section << 56 | (uint64_t)object << 48 | (uint64_t)item << 16 |
           (uint64_t)part << 8 | (uint64_t)window << 4 | field;
}

static unsigned key_section(uint64_t key)
{
    return (unsigned)(key >> 56);
}

/* ---- paths ---- */

static size_t metric_path(uint64_t key, struct document_step steps[DOCUMENT_MAX_DEPTH])
{
    uint32_t object = (uint32_t)(key >> 48) & 0xFF, item = (uint32_t)(key >> 16);
    uint32_t part = (uint32_t)(key >> 8) & 0xFF, window = (uint32_t)(key >> 4) & 0xF;
    uint32_t field = (uint32_t)key & 0xF;
    size_t depth = 0;
    steps[depth++] = (struct document_step){STEP_SECTION, key_section(key)};
    switch ((enum section)key_section(key)) {
    case SECTION_NOW:
        steps[depth++] = (struct document_step){STEP_NOW, part};
        break;
    case SECTION_WINDOWS:
        steps[depth++] = (struct document_step){STEP_WINDOW, object};
        steps[depth++] = (struct document_step){STEP_WINDOW_FIELD, part};
        break;
    case SECTION_SERIES:
        steps[depth++] = (struct document_step){STEP_GRAIN, object};
        steps[depth++] = (struct document_step){STEP_MINUTE + object - GRAIN_MINUTE, item};
        if (part)
            steps[depth++] = (struct document_step){STEP_BUCKET_FIELD, part};
        break;
    case SECTION_PARTIAL:
        steps[depth++] = (struct document_step){STEP_GRAIN, object};
        break;
    case SECTION_PARTNERS:
        steps[depth++] = (struct document_step){STEP_PARTNER, item};
        if (part)
            steps[depth++] = (struct document_step){STEP_PARTNER_PART, part};
        if (part == PARTNER_PART_WINDOWS) {
            steps[depth++] = (struct document_step){STEP_WINDOW, window};
            steps[depth++] = (struct document_step){STEP_PARTNER_FIELD, field};
        }
        break;
    }
    return depth;
}

static const char *fixed_name(struct document_step step)
{
    switch ((enum step_kind)step.kind) {
    case STEP_SECTION:
        return section_texts[step.value];
    case STEP_NOW:
        return now_texts[step.value];
    case STEP_WINDOW:
        return window_texts[step.value];
    case STEP_WINDOW_FIELD:
        return window_field_texts[step.value];
    case STEP_GRAIN:
        return grain_texts[step.value];
    case STEP_BUCKET_FIELD:
        return bucket_field_texts[step.value];
    case STEP_PARTNER_PART:
        return partner_part_texts[step.value];
    case STEP_PARTNER_FIELD:
        return partner_field_texts[step.value];
    case STEP_MINUTE:
    case STEP_HOUR:
    case STEP_DAY:
    case STEP_PARTNER:
        break;
    }
    return NULL;
}

/* A document has a thousand names: formatted printing is a good part of its cost. */
static void copy_name(char out[DOCUMENT_NAME_SIZE], const char *name)
{
    size_t length = strnlen(name, DOCUMENT_NAME_SIZE - 1);
    memcpy(out, name, length);
    out[length] = '\0';
}

static void metric_name(const void *owner, struct document_step step, char out[DOCUMENT_NAME_SIZE])
{
    const struct partner_names *names = owner;
    const char *fixed = fixed_name(step);
    if (fixed) {
        copy_name(out, fixed);
    } else if (step.kind == STEP_PARTNER) {
        const struct partner_entry *entry = partner_names_by_id(names, step.value);
        copy_name(out, entry ? entry->code : "_other");
    } else {
        enum grain grain = step.kind == STEP_MINUTE ? GRAIN_MINUTE
                           : step.kind == STEP_HOUR ? GRAIN_HOUR
                                                    : GRAIN_DAY;
        (void)snprintf(out, DOCUMENT_NAME_SIZE, "%" PRId64, step.value * grain_seconds[grain]);
    }
}

/* A name's value is the partner's id and, above it, the version, so that renaming is a change. */
static const char *metric_text(const void *owner, int64_t value)
{
    const struct partner_names *names = owner;
    const struct partner_entry *entry =
        partner_names_by_id(names, (uint32_t)((uint64_t)value & UINT32_MAX));
    return entry ? entry->name : "";
}

static uint64_t metric_container(uint64_t key)
{
    if (key_section(key) == SECTION_SERIES || key_section(key) == SECTION_PARTNERS)
        return key & ~UINT64_C(0xFFFF);
    return 0;
}

const struct document_kind metric_document_kind = {
    .path = metric_path, .name = metric_name, .text = metric_text, .container = metric_container};

/* ---- values ---- */

static void render_now(struct metric_state *state, struct document *out)
{
    int64_t oldest = metric_state_oldest_ms(state);
    const int64_t values[] = {0,
                              state->gauges[GAUGE_REQUESTED],
                              state->gauges[GAUGE_QUEUED],
                              state->gauges[GAUGE_RUNNING],
                              metric_state_in_flight(state),
                              state->open.stuck,
                              oldest,
                              state->stuck_after_ms};
    for (unsigned field = NOW_REQUESTED; field < ARRAY_LENGTH(values); field++) {
        if (field == NOW_OLDEST_AT && oldest < 0)
            continue;
        document_add(out, make_key(SECTION_NOW, 0, 0, field, 0, 0), DOCUMENT_INTEGER, FIELD_F0,
                     values[field]);
    }
}

/* In millionths; -1: nothing to divide by. */
static int64_t ratio(int64_t part, int64_t whole)
{
    return whole > 0 ? llround((double)part / (double)whole * 1e6) : -1;
}

static void window_values(struct metric_state *state, enum window window, int64_t values[])
{
    const int64_t *counters = state->windows[window].counters;
    int64_t decided = counters[COUNTER_COMPLETED] + counters[COUNTER_FAILED];
    values[WINDOW_FIELD_REQUESTED] = counters[COUNTER_REQUESTED];
    values[WINDOW_FIELD_COMPLETED] = counters[COUNTER_COMPLETED];
    values[WINDOW_FIELD_FAILED] = counters[COUNTER_FAILED];
    values[WINDOW_FIELD_CANCELLED] = counters[COUNTER_CANCELLED];
    values[WINDOW_FIELD_RETRIED] = counters[COUNTER_RETRIED];
    values[WINDOW_FIELD_PUBLISHED] = counters[COUNTER_PUBLISHED];
    values[WINDOW_FIELD_ACTIVE_USERS] = counters[COUNTER_USERS];
    values[WINDOW_FIELD_TOKENS] = counters[COUNTER_TOKENS];
    values[WINDOW_FIELD_UNITS] = counters[COUNTER_UNITS];
    values[WINDOW_FIELD_SUCCESS_RATE] = ratio(counters[COUNTER_COMPLETED], decided);
    values[WINDOW_FIELD_FAILURE_RATE] = ratio(counters[COUNTER_FAILED], decided);
    values[WINDOW_FIELD_RETRY_RATE] =
        ratio(counters[COUNTER_RETRIED], decided + counters[COUNTER_CANCELLED]);
    values[WINDOW_FIELD_P50] = metric_state_quantile(state, window, SAMPLE_DURATION, QUANTILE_50);
    values[WINDOW_FIELD_P95] = metric_state_quantile(state, window, SAMPLE_DURATION, QUANTILE_95);
    values[WINDOW_FIELD_P99] = metric_state_quantile(state, window, SAMPLE_DURATION, QUANTILE_99);
    values[WINDOW_FIELD_QUEUE_P50] =
        metric_state_quantile(state, window, SAMPLE_QUEUE, QUANTILE_50);
    values[WINDOW_FIELD_QUEUE_P95] =
        metric_state_quantile(state, window, SAMPLE_QUEUE, QUANTILE_95);
    values[WINDOW_FIELD_COST] = counters[COUNTER_COST_MICROS];
}

static bool is_optional(unsigned field)
{
    return field >= WINDOW_FIELD_SUCCESS_RATE && field <= WINDOW_FIELD_QUEUE_P95;
}

static void render_window(struct metric_state *state, enum window window, struct document *out)
{
    int64_t values[ARRAY_LENGTH(window_field_texts)] = {0};
    window_values(state, window, values);
    for (unsigned field = WINDOW_FIELD_REQUESTED; field <= WINDOW_FIELD_COST; field++) {
        if (is_optional(field) && values[field] < 0)
            continue;
        bool micros = field == WINDOW_FIELD_COST ||
                      (field >= WINDOW_FIELD_SUCCESS_RATE && field <= WINDOW_FIELD_RETRY_RATE);
        document_add(out, make_key(SECTION_WINDOWS, window, 0, field, 0, 0),
                     micros ? DOCUMENT_MICROS : DOCUMENT_INTEGER,
                     field == WINDOW_FIELD_COST ? FIELD_F2 : FIELD_F0, values[field]);
    }
}

static const struct time_ring *grain_ring(const struct metric_state *state, unsigned grain)
{
    if (grain == GRAIN_MINUTE)
        return &state->minutes;
    return grain == GRAIN_HOUR ? &state->hours : &state->days;
}

static void render_bucket(struct time_bucket *bucket, unsigned grain, int64_t key,
                          struct document *out)
{
    static const int64_t zeros[COUNTER_COUNT];
    const int64_t *counters = bucket ? bucket->counters : zeros;
    const int64_t values[] = {0,
                              counters[COUNTER_REQUESTED],
                              counters[COUNTER_COMPLETED],
                              counters[COUNTER_FAILED],
                              counters[COUNTER_CANCELLED],
                              bucket ? time_bucket_p95(bucket) : -1,
                              counters[COUNTER_COST_MICROS]};
    for (unsigned field = BUCKET_REQUESTED; field < ARRAY_LENGTH(values); field++) {
        if (field == BUCKET_P95 && values[field] < 0)
            continue;
        bool cost = field == BUCKET_COST;
        document_add(out, make_key(SECTION_SERIES, grain, (uint32_t)key, field, 0, 0),
                     cost ? DOCUMENT_MICROS : DOCUMENT_INTEGER, cost ? FIELD_F2 : FIELD_F0,
                     values[field]);
    }
}

static void render_series(const struct metric_state *state, struct document *out)
{
    for (unsigned grain = GRAIN_MINUTE; grain < GRAIN_END; grain++) {
        const struct time_ring *ring = grain_ring(state, grain);
        int64_t first = ring->now - grain_buckets[grain] + 1;
        for (int64_t key = first < 0 ? 0 : first; key <= ring->now; key++)
            render_bucket(time_ring_find(ring, key), grain, key, out);
    }
    for (unsigned grain = GRAIN_MINUTE; grain < GRAIN_END; grain++)
        document_add(out, make_key(SECTION_PARTIAL, grain, 0, 0, 0, 0), DOCUMENT_QUOTED, FIELD_F0,
                     grain_ring(state, grain)->now * grain_seconds[grain]);
}

/* ---- partners of the platform ---- */

struct partner_values {
    int64_t in_flight, stuck;
    int64_t windows[WINDOW_COUNT][ARRAY_LENGTH(partner_field_texts)];
};

static void render_partner(uint32_t id, int64_t name, const struct partner_values *values,
                           struct document *out)
{
    if (id != OTHER_ID)
        document_add(out, make_key(SECTION_PARTNERS, 0, id, PARTNER_PART_NAME, 0, 0), DOCUMENT_NAME,
                     FIELD_F0, name);
    document_add(out, make_key(SECTION_PARTNERS, 0, id, PARTNER_PART_IN_FLIGHT, 0, 0),
                 DOCUMENT_INTEGER, FIELD_F0, values->in_flight);
    document_add(out, make_key(SECTION_PARTNERS, 0, id, PARTNER_PART_STUCK, 0, 0), DOCUMENT_INTEGER,
                 FIELD_F0, values->stuck);
    for (unsigned window = 0; window < WINDOW_COUNT; window++) {
        for (unsigned field = PARTNER_FIELD_REQUESTED; field <= PARTNER_FIELD_P95; field++) {
            if (values->windows[window][field] >= 0)
                document_add(out,
                             make_key(SECTION_PARTNERS, 0, id, PARTNER_PART_WINDOWS, window, field),
                             DOCUMENT_INTEGER, FIELD_F0, values->windows[window][field]);
        }
    }
}

static void partner_values(struct metric_state *state, struct partner_values *values)
{
    values->in_flight = metric_state_in_flight(state);
    values->stuck = state->open.stuck;
    for (int window = 0; window < WINDOW_COUNT; window++) {
        const int64_t *counters = state->windows[window].counters;
        int64_t *fields = values->windows[window];
        fields[PARTNER_FIELD_REQUESTED] = counters[COUNTER_REQUESTED];
        fields[PARTNER_FIELD_COMPLETED] = counters[COUNTER_COMPLETED];
        fields[PARTNER_FIELD_FAILED] = counters[COUNTER_FAILED];
        fields[PARTNER_FIELD_P95] =
            metric_state_quantile(state, (enum window)window, SAMPLE_DURATION, QUANTILE_95);
    }
}

/* What the total has beyond the shown partners, by subtraction; the percentile by the sketches. */
static void subtract_shown(struct partner_values *other, const struct partner_values *shown)
{
    other->in_flight -= shown->in_flight;
    other->stuck -= shown->stuck;
    for (int window = 0; window < WINDOW_COUNT; window++) {
        for (int field = PARTNER_FIELD_REQUESTED; field <= PARTNER_FIELD_FAILED; field++)
            other->windows[window][field] -= shown->windows[window][field];
    }
}

static int64_t other_p95(const struct metric_state *total, struct metric_state *const *shown,
                         size_t count, int window)
{
    static struct ddsketch rest; /* one thread, too large for the stack */
    if (!total->windows[window].sketches[SAMPLE_DURATION])
        return -1;
    rest = *total->windows[window].sketches[SAMPLE_DURATION];
    for (size_t i = 0; i < count; i++) {
        const struct ddsketch *sketch = shown[i]->windows[window].sketches[SAMPLE_DURATION];
        if (!sketch)
            continue;
        rest.total -= sketch->total;
        for (size_t bin = 0; bin < DDSKETCH_BINS; bin++)
            rest.counts[bin] -= sketch->counts[bin];
    }
    return rest.total > 0 ? llround(ddsketch_quantile(&rest, 0.95)) : -1;
}

static int by_requested(const void *left, const void *right)
{
    const struct scope_partner *a = left, *b = right;
    int64_t x = a->state->windows[WINDOW_30D].counters[COUNTER_REQUESTED];
    int64_t y = b->state->windows[WINDOW_30D].counters[COUNTER_REQUESTED];
    if (x != y)
        return x > y ? -1 : 1;
    return strcmp(a->entry->code, b->entry->code);
}

static int by_id(const void *left, const void *right)
{
    const struct scope_partner *a = left, *b = right;
    return (a->entry->id > b->entry->id) - (a->entry->id < b->entry->id);
}

static void render_other(struct metric_scope *scope, const struct scope_partner *shown,
                         struct document *out)
{
    struct metric_state *states[METRIC_TOP_PARTNERS];
    struct partner_values other, values;
    partner_values(scope->total, &other);
    for (size_t i = 0; i < METRIC_TOP_PARTNERS; i++) {
        states[i] = shown[i].state;
        partner_values(shown[i].state, &values);
        subtract_shown(&other, &values);
    }
    for (int window = 0; window < WINDOW_COUNT; window++)
        other.windows[window][PARTNER_FIELD_P95] =
            other_p95(scope->total, states, METRIC_TOP_PARTNERS, window);
    render_partner(OTHER_ID, 0, &other, out);
}

static void render_partners(struct metric_scope *scope, struct document *out)
{
    size_t count = scope->partner_count;
    struct scope_partner *order = memory_array(count + 1, sizeof(*order));
    if (count)
        memcpy(order, scope->partners, count * sizeof(*order));
    qsort(order, count, sizeof(*order), by_requested);
    size_t top = count < METRIC_TOP_PARTNERS ? count : METRIC_TOP_PARTNERS;
    qsort(order, top, sizeof(*order), by_id);
    for (size_t i = 0; i < top; i++) {
        struct partner_values values;
        partner_values(order[i].state, &values);
        const struct partner_entry *entry = order[i].entry;
        int64_t name = (int64_t)((uint64_t)entry->version << 32 | entry->id);
        render_partner(entry->id, name, &values, out);
    }
    if (count > METRIC_TOP_PARTNERS)
        render_other(scope, order, out);
    free(order);
}

void metric_document_render(struct metric_scope *scope, struct document *ret_document)
{
    document_clear(ret_document);
    render_now(scope->total, ret_document);
    for (int window = 0; window < WINDOW_COUNT; window++)
        render_window(scope->total, (enum window)window, ret_document);
    render_series(scope->total, ret_document);
    if (scope->platform)
        render_partners(scope, ret_document);
}
