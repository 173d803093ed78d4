/* The counted quantities of a bucket of time. The first ten are in the order of the feed's rows. */
#ifndef MH_HUB_COUNTERS_H
#define MH_HUB_COUNTERS_H

enum counter {
    COUNTER_REQUESTED,
    COUNTER_COMPLETED,
    COUNTER_FAILED,
    COUNTER_CANCELLED,
    COUNTER_RETRIED,
    COUNTER_TOKENS,
    COUNTER_UNITS,
    COUNTER_COST_MICROS,
    COUNTER_PUBLISHED,
    COUNTER_STARTED,
    COUNTER_FEED_COUNT,
    COUNTER_USERS = COUNTER_FEED_COUNT, /* end users by the time they were last seen */
    COUNTER_COUNT
};

enum sample_kind { SAMPLE_DURATION, SAMPLE_QUEUE, SAMPLE_KIND_COUNT };

enum gauge { GAUGE_REQUESTED, GAUGE_QUEUED, GAUGE_RUNNING, GAUGE_COUNT };

#endif
