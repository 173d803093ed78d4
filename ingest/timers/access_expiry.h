/* Access that ends by its time ends within a second: twice a second asks Postgres to take what is
 * over (ops.access_expire) and publishes what it says. Any number of ingests may ask; each end is
 * taken once. */
#ifndef MH_INGEST_ACCESS_EXPIRY_H
#define MH_INGEST_ACCESS_EXPIRY_H

#include "ingest/publish/publisher.h"
#include "ingest/timers/pg_poll.h"

/* `publisher` is closed later. */
MUST_CHECK int access_expiry_open(uv_loop_t *loop, struct pg_pool *pool,
                                  struct publisher *publisher, struct pg_poll **ret_expiry);

#endif
