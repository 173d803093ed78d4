/* Everything that is counted about one scope (a partner, or the platform as a whole): rings of
 * minutes, hours and days, running totals of the four windows, the newest samples, gauges and open
 * jobs. Filled from a metrics snapshot, changed by the deltas of the feed, and slid by the clock
 * without either. A pure function of what was added: adding the same in another order gives the
 * same values. Lives on the hub's loop, owned by a metric_scope. */
#ifndef MH_HUB_METRIC_STATE_H
#define MH_HUB_METRIC_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "hub/channel/open_jobs.h"
#include "hub/channel/sample_set.h"
#include "hub/channel/time_ring.h"
#include "hub/feed/feed_delta.h"
#include "shared/observe/ddsketch.h"

enum window { WINDOW_5M, WINDOW_1H, WINDOW_24H, WINDOW_30D, WINDOW_COUNT };

#define METRIC_MINUTES 1440
#define METRIC_HOURS 720
#define METRIC_DAYS 30

enum quantile { QUANTILE_50, QUANTILE_95, QUANTILE_99, QUANTILE_COUNT };

struct window_quantiles {
    bool known;
    int64_t ms[QUANTILE_COUNT]; /* -1: no samples */
};

struct window_totals {
    int64_t counters[COUNTER_COUNT];
    struct ddsketch *sketches[SAMPLE_KIND_COUNT]; /* NULL until the first sample */
    struct window_quantiles quantiles[SAMPLE_KIND_COUNT];
};

struct metric_state {
    int64_t now_ms, stuck_after_ms;
    struct time_ring minutes, hours, days;
    struct window_totals windows[WINDOW_COUNT];
    struct sample_set samples[SAMPLE_KIND_COUNT];
    int64_t gauges[GAUGE_COUNT];
    struct open_jobs open;
};

struct metric_state *metric_state_new(int64_t now_ms, int64_t stuck_after_ms);
/* NULL-safe. */
void metric_state_free(struct metric_state *state);
/* Adds one element of a metrics snapshot's `partners`. 0, or -EINVAL: the state is then useless. */
MUST_CHECK int metric_state_load(struct metric_state *state, const json_t *partner);
void metric_state_apply(struct metric_state *state, const struct feed_delta *delta);
/* Slides windows and rings; never goes back. */
void metric_state_advance(struct metric_state *state, int64_t now_ms);
/* In ms, -1 without samples. */
int64_t metric_state_quantile(struct metric_state *state, enum window window, enum sample_kind kind,
                              enum quantile quantile);
int64_t metric_state_oldest_ms(struct metric_state *state);
int64_t metric_state_in_flight(const struct metric_state *state);
/* Same values in everything that both know? If not, the first difference is named in `out`. Both
 * must stand at the same time. */
bool metric_state_equal(const struct metric_state *a, const struct metric_state *b, char *out,
                        size_t size);

#endif
