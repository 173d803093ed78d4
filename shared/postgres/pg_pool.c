#include "shared/postgres/pg_pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/memory.h"

#define NAME_SIZE 64

struct pg_pool {
    unsigned size, open;
    void (*on_closed)(void *owner);
    void *owner;
    struct pg_link *links[];
};

static void on_link_closed(void *owner)
{
    struct pg_pool *pool = owner;
    if (--pool->open)
        return;
    void (*on_closed)(void *) = pool->on_closed;
    void *closed_owner = pool->owner;
    free(pool);
    if (on_closed)
        on_closed(closed_owner);
}

int pg_pool_open(uv_loop_t *loop, const struct pg_link_options *options, unsigned size,
                 struct pg_pool **ret_pool)
{
    if (size == 0)
        return -EINVAL;
    struct pg_pool *pool = memory_zalloc(sizeof(*pool) + size * sizeof(struct pg_link *));
    pool->size = size;
    for (; pool->open < size; pool->open++) {
        struct pg_link_options numbered = *options;
        char name[NAME_SIZE];
        snprintf(name, sizeof(name), "%s-%u", options->name, pool->open);
        numbered.name = name;
        int fault = pg_link_open(loop, &numbered, &pool->links[pool->open]);
        if (fault && pool->open)
            pg_pool_close(pool, NULL, NULL);
        else if (fault)
            free(pool);
        if (fault)
            return fault;
    }
    *ret_pool = pool;
    return 0;
}

void pg_pool_close(struct pg_pool *pool, void (*on_closed)(void *owner), void *owner)
{
    if (!pool)
        return;
    pool->on_closed = on_closed;
    pool->owner = owner;
    unsigned size = pool->open;
    for (unsigned i = 0; i < size; i++)
        pg_link_close(pool->links[i], on_link_closed, pool);
}

bool pg_pool_up(const struct pg_pool *pool)
{
    for (unsigned i = 0; i < pool->size; i++) {
        if (pg_link_state(pool->links[i]) == PG_LINK_UP)
            return true;
    }
    return false;
}

int pg_pool_query(struct pg_pool *pool, const struct pg_query *query)
{
    struct pg_link *best = NULL;
    for (unsigned i = 0; i < pool->size; i++) {
        struct pg_link *link = pool->links[i];
        if (pg_link_state(link) == PG_LINK_UP &&
            (!best || pg_link_depth(link) < pg_link_depth(best)))
            best = link;
    }
    return best ? pg_link_query(best, query) : -ENOTCONN;
}
