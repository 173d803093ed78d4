/* Keeps rejected events (api.reject_events), so that a sender finds what was refused and why. Best
 * effort, bounded: a full queue or an absent Postgres drops and counts, and never holds up a reply
 * for longer than one query. */
#ifndef MH_INGEST_REJECTS_H
#define MH_INGEST_REJECTS_H

#include "ingest/events/batcher.h"
#include "shared/postgres/pg_pool.h"

#define REJECT_RAW_MAX_BYTES (16 * 1024)

struct rejects;

/* The rejected events of one group; owned by the request, alive until on_done. */
struct reject_group {
    struct list link;
    const struct event *events;
    uint32_t count; /* of all events; only rejected ones are kept */
    int32_t partner_id, key_id;
    void (*on_done)(struct reject_group *group);
    void *owner;
};

/* `pool` and `counters` outlive it. */
struct rejects *rejects_new(struct pg_pool *pool, struct counters *counters, uint32_t max_queued);
/* on_done is called exactly once, possibly before this returns. */
void rejects_submit(struct rejects *rejects, struct reject_group *group);
/* Nothing may wait any more. */
void rejects_free(struct rejects *rejects);

#endif
