/* Made-up but plausible traffic of video generation: jobs arrive at random, more by day than by
 * night; they queue, run, report progress, succeed, fail, are retried, published, and once in a
 * while never heard of again. The clock is the caller's: the same generator makes the past as fast
 * as it goes and the present as it comes. */
#ifndef MH_TRAFFIC_H
#define MH_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/buffer.h"

struct traffic;

struct traffic_options {
    const char *const *partners; /* codes, busiest first; borrowed */
    size_t partner_count;
    double rate; /* events per second, on average, in the present */
    uint64_t seed;
    int64_t start_ms, present_ms; /* before the present, traffic thins out the older it is */
};

struct traffic *traffic_new(const struct traffic_options *options);
void traffic_free(struct traffic *traffic);
/* When and for which partner the next event happens. */
int64_t traffic_next_ms(const struct traffic *traffic);
size_t traffic_next_partner(const struct traffic *traffic);
/* Appends the next event as a CloudEvent and moves on. */
void traffic_emit(struct traffic *traffic, struct buffer *out);
/* No new jobs from now on; those that are open are cancelled at `now_ms`. */
void traffic_end(struct traffic *traffic, int64_t now_ms);

#endif
