/* What replay sends, in which order: one lane per partner, each a list of deliveries by due time.
 * An event is `2 * row` (requested) or `2 * row + 1` (completed or failed). The chaos layer adds
 * what real producers do to a stream; none of it may change a number. */
#ifndef MH_PLAN_H
#define MH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metricsctl/trace.h"

/* A damaged delivery is an extra copy that the server has to refuse. */
enum damage {
    DAMAGE_NONE,
    DAMAGE_SPECVERSION,
    DAMAGE_TYPE,
    DAMAGE_TIME,
    DAMAGE_NO_JOB,
    DAMAGE_UNITS,
    DAMAGE_CUT, /* the body ends in the middle; sent alone */
    DAMAGE_COUNT
};

struct delivery {
    int64_t due_ms; /* since the trace's first event */
    uint32_t event;
    uint32_t damage;
};

struct lane {
    struct delivery *deliveries;
    size_t count;
};

struct plan {
    struct lane *lanes; /* parallel to trace->partners */
    size_t lane_count;
    size_t event_count, delivery_count; /* events: without copies */
};

/* With `chaos`: 5 % sent twice, 5 % out of order by up to 5 minutes, 1 % up to a day late, 0.1 %
 * also sent damaged. */
void plan_make(const struct trace *trace, bool chaos, uint64_t seed, struct plan *ret_plan);
void plan_done(struct plan *plan);

#endif
