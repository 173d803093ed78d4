/* What /metrics tells. Plain counters of one thread; whoever causes a thing counts it. */
#ifndef MH_INGEST_COUNTERS_H
#define MH_INGEST_COUNTERS_H

#include <stdint.h>

#include "ingest/events/reason.h"
#include "shared/observe/prometheus.h"

#define COUNTERS_STATUSES 600

struct counters {
    uint64_t accepted, duplicate, rejected;
    uint64_t rejected_for[REASON_COUNT];
    uint64_t responses[COUNTERS_STATUSES]; /* by HTTP status */
    uint64_t batches, batches_failed;
    uint64_t rejects_dropped; /* rejected events that could not be kept */
    uint64_t published, publish_dropped;
    uint64_t requests_log_dropped; /* rows of api_requests */
    uint64_t postgres_reconnects, redis_reconnects;
    uint64_t key_lookups;
    struct prometheus_histogram request_seconds, commit_seconds, batch_events;
};

void counters_init(struct counters *counters);
/* Appends the Prometheus text of all but the gauges. */
void counters_write(const struct counters *counters, struct buffer *out);

#endif
