/* Access that ends by its time ends within a second: twice a second asks Postgres to take what is
 * over (ops.access_expire) and publishes what it says. Any number of ingests may ask; each end is
 * taken once. */
#ifndef MH_INGEST_ACCESS_EXPIRY_H
#define MH_INGEST_ACCESS_EXPIRY_H

#include <uv.h>

#include "ingest/publish/publisher.h"
#include "shared/postgres/pg_pool.h"

struct access_expiry;

/* `pool` and `publisher` are borrowed; the pool must be closed first. */
MUST_CHECK int access_expiry_open(uv_loop_t *loop, struct pg_pool *pool,
                                  struct publisher *publisher, struct access_expiry **ret_expiry);
void access_expiry_close(struct access_expiry *expiry, void (*on_closed)(void *owner), void *owner);

#endif
