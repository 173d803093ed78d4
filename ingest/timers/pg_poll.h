/* One question to Postgres over and over, never twice at a time. */
#ifndef MH_INGEST_PG_POLL_H
#define MH_INGEST_PG_POLL_H

#include <uv.h>

#include "shared/postgres/pg_pool.h"

struct pg_poll_options {
    const char *name, *statement; /* literals */
    uint64_t interval_ms;
    void (*on_answer)(void *owner, const struct pg_result *result); /* not of failures */
    void *owner;
};

struct pg_poll;

/* `pool` and what `owner` is are borrowed; the pool must be closed first. */
MUST_CHECK int pg_poll_open(uv_loop_t *loop, struct pg_pool *pool,
                            const struct pg_poll_options *options, struct pg_poll **ret_poll);
void pg_poll_close(struct pg_poll *poll, void (*on_closed)(void *owner), void *owner);

#endif
