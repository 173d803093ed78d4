/* The newest samples of one kind, so that quantiles of a window with few of them are exact. Sorted
 * by minute. Knows up to where it is complete: once a sample had to be left out, the set says
 * nothing about that minute and those before it. Owned by a metric_state. */
#ifndef MH_HUB_SAMPLE_SET_H
#define MH_HUB_SAMPLE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLE_SET_CAPACITY 1000

struct sample {
    int64_t minute, ms;
};

struct sample_set {
    size_t count, capacity;
    struct sample *items;
    int64_t left_out; /* newest minute of which a sample is not held; INT64_MIN: none */
};

void sample_set_init(struct sample_set *set);
void sample_set_done(struct sample_set *set);
/* n > 0 adds that many, n < 0 removes. */
void sample_set_add(struct sample_set *set, int64_t minute, int64_t ms, int64_t n);
/* Samples of this minute and before exist that the set does not hold. */
void sample_set_leave_out(struct sample_set *set, int64_t minute);
/* Copies the values of all samples of `from_minute` and later to `out` (room for
 * SAMPLE_SET_CAPACITY), unsorted; false if the set is not complete from there. */
bool sample_set_since(const struct sample_set *set, int64_t from_minute, int64_t *out,
                      size_t *ret_count);

#endif
