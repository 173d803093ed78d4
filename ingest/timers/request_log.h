/* The api_requests rows: one per authenticated request, written in batches each second. Bounded;
 * what does not fit is dropped and counted, since a request never waits for its own record. */
#ifndef MH_INGEST_REQUEST_LOG_H
#define MH_INGEST_REQUEST_LOG_H

#include <uv.h>

#include "ingest/counters.h"
#include "shared/postgres/pg_link.h"

struct request_log;

struct request_record {
    int32_t key_id, partner_id;
    const char *route; /* static */
    int status;
    int64_t latency_us, bytes;
};

/* `link` is borrowed and must be closed first. */
MUST_CHECK int request_log_open(uv_loop_t *loop, struct pg_link *link, struct counters *counters,
                                struct request_log **ret_log);
void request_log_add(struct request_log *log, const struct request_record *record);
/* Starts writing what is there; false when nothing is left to write or to wait for. */
bool request_log_flush(struct request_log *log);
void request_log_close(struct request_log *log, void (*on_closed)(void *owner), void *owner);

#endif
