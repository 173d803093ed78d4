/* Revocation within a second: asks Postgres twice a second which keys were revoked, or whose
 * partner changed, in the last ten, and drops them from the cache. A poll, so that it needs neither
 * Redis nor memory of what was seen: asking twenty times about the same key costs twenty look-ups
 * at most. While Postgres is away nothing is stored anyway. */
#ifndef MH_INGEST_KEY_WATCH_H
#define MH_INGEST_KEY_WATCH_H

#include "ingest/http/keys.h"
#include "ingest/timers/pg_poll.h"

/* `keys` are freed later. */
MUST_CHECK int key_watch_open(uv_loop_t *loop, struct pg_pool *pool, struct keys *keys,
                              struct pg_poll **ret_watch);

#endif
