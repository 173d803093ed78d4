/* A few links of one kind; a query goes to the one that is up and least busy. */
#ifndef MH_PG_POOL_H
#define MH_PG_POOL_H

#include "shared/postgres/pg_link.h"

struct pg_pool;

/* `options->on_state` is called with `owner` for each link. 0 or a negative errno. */
MUST_CHECK int pg_pool_open(uv_loop_t *loop, const struct pg_link_options *options, unsigned size,
                            struct pg_pool **ret_pool);
void pg_pool_close(struct pg_pool *pool, void (*on_closed)(void *owner), void *owner);
bool pg_pool_up(const struct pg_pool *pool);
MUST_CHECK int pg_pool_query(struct pg_pool *pool, const struct pg_query *query);

#endif
