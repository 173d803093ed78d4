/* What /metrics tells: the sum of all workers. Each has its own counters, plain ones of one thread;
 * whoever causes a thing counts it. */
#ifndef MH_INGEST_COUNTERS_H
#define MH_INGEST_COUNTERS_H

#include <stdint.h>

#include "ingest/events/reason.h"
#include "shared/loop/workers.h"
#include "shared/observe/prometheus.h"

#define COUNTERS_STATUSES 600

/* What is true now: gone with the worker. */
#define INGEST_GAUGE_TABLE(X)                                                                      \
    X(queued_events, "Events that wait for a transaction")                                         \
    X(postgres_lanes_up, "Postgres connections that store events")                                 \
    X(redis_up, "Workers whose Redis is connected")                                                \
    X(connections, "Open HTTP connections")                                                        \
    X(open_requests, "Requests being answered")

struct gauges {
#define X(name, help) uint64_t name;
    INGEST_GAUGE_TABLE(X)
#undef X
};

/* All that stands before the histograms is summed as an array of uint64_t. */
struct counters {
    struct gauges now;
    uint64_t accepted, duplicate, rejected;
    uint64_t rejected_for[REASON_COUNT];
    uint64_t responses[COUNTERS_STATUSES]; /* by HTTP status */
    uint64_t messages_posted, messages_duplicate, messages_refused;
    uint64_t batches, batches_failed;
    uint64_t rejects_dropped; /* rejected events that could not be kept */
    uint64_t published, publish_dropped;
    uint64_t requests_log_dropped; /* rows of api_requests */
    uint64_t postgres_reconnects, redis_reconnects;
    uint64_t key_lookups;
    uint64_t password_hashes; /* computed, of known people or not */
    struct prometheus_histogram request_seconds, commit_seconds, batch_events;
};

void counters_init(struct counters *counters);
/* The gauges of a worker that is gone. */
void counters_reset_gauges(struct counters *counters);
/* Appends the Prometheus text of the sum of all workers' slots, which are struct counters. */
void counters_write(const struct workers *workers, struct buffer *out);

#endif
