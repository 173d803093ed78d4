/* The last `span` buckets of time (minutes, hours or days), kept sparsely: a bucket exists only if
 * something was counted in it. A bucket holds counters and the sparse DDSketch bins of its samples.
 * Buckets up to TIME_RING_AHEAD steps in the future exist too, since event times may lead the
 * clock. Owned by a metric_state. */
#ifndef MH_HUB_TIME_RING_H
#define MH_HUB_TIME_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/channel/counters.h"

#define TIME_RING_AHEAD 16

struct bin_count {
    int32_t bin;
    int64_t n;
};

/* Sorted by bin; a count of zero is removed. */
struct bin_list {
    uint32_t count, capacity;
    struct bin_count *items;
};

struct time_bucket {
    int64_t key; /* of the minute, hour or day since the epoch */
    int64_t counters[COUNTER_COUNT];
    struct bin_list bins[SAMPLE_KIND_COUNT];
    bool p95_known;
    int64_t p95_ms; /* -1: no samples */
};

struct time_ring {
    int64_t span, now; /* holds now - span < key <= now + TIME_RING_AHEAD */
    size_t slot_count;
    struct time_bucket **slots;
};

void time_ring_init(struct time_ring *ring, int64_t span, int64_t now);
void time_ring_done(struct time_ring *ring);
/* Forgets what is older than the span; never goes back. */
void time_ring_advance(struct time_ring *ring, int64_t now);
bool time_ring_covers(const struct time_ring *ring, int64_t key);
/* NULL: nothing was counted there, or outside the ring. */
struct time_bucket *time_ring_find(const struct time_ring *ring, int64_t key);
/* Makes the bucket; NULL only outside the ring. */
struct time_bucket *time_ring_get(struct time_ring *ring, int64_t key);

void bin_list_add(struct bin_list *list, int bin, int64_t n);
/* 95th percentile of the durations by their bins, in ms; -1: none. Remembered until the next
 * sample. */
int64_t time_bucket_p95(struct time_bucket *bucket);

#endif
