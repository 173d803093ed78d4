#include "hub/feed/feed_db.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/postgres/pg_array.h"

#define MAX_PARAMS 3
#define TEXT_SIZE 128

struct feed_query {
    feed_query_done done; /* NULL: dropped */
    void *owner;
    struct pg_param params[MAX_PARAMS];
    char texts[MAX_PARAMS][TEXT_SIZE];
    int param_count;
    struct pg_array names, users;
};

static void query_free(struct feed_query *query)
{
    pg_array_done(&query->names);
    pg_array_done(&query->users);
    free(query);
}

static void on_result(void *owner, const struct pg_result *result)
{
    struct feed_query *query = owner;
    feed_query_done done = query->done;
    void *asker = query->owner;
    query_free(query);
    if (done)
        done(asker, result);
}

static struct feed_query *query_new(feed_query_done done, void *owner)
{
    struct feed_query *query = memory_zalloc(sizeof(*query));
    query->done = done;
    query->owner = owner;
    pg_array_init(&query->names, PG_TEXT);
    pg_array_init(&query->users, PG_TEXT);
    return query;
}

static void add_text(struct feed_query *query, const char *text)
{
    char *copy = query->texts[query->param_count];
    int length = snprintf(copy, TEXT_SIZE, "%s", text);
    if (length >= TEXT_SIZE)
        length = TEXT_SIZE - 1;
    query->params[query->param_count++] = (struct pg_param){.data = copy, .length = length};
}

static void add_integer(struct feed_query *query, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    add_text(query, text);
}

static void add_names(struct feed_query *query, struct pg_array *array, const char *const *names,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        pg_array_add_bytes(array, names[i], strlen(names[i]));
    query->params[query->param_count++] = pg_array_param(array);
}

static struct feed_query *ask(struct pg_pool *pool, struct feed_query *query, const char *name,
                              const char *statement)
{
    struct pg_query question = {.name = name,
                                .statement = statement,
                                .params = query->params,
                                .param_count = query->param_count,
                                .on_result = on_result,
                                .owner = query};
    if (!pg_pool_query(pool, &question))
        return query;
    query_free(query);
    return NULL;
}

struct feed_query *feed_db_heads(struct pg_pool *pool, const char *const *channels, size_t count,
                                 feed_query_done done, void *owner)
{
    struct feed_query *query = query_new(done, owner);
    add_names(query, &query->names, channels, count);
    return ask(pool, query, "hub_heads",
               "SELECT channel, epoch, seq, version FROM api.heads($1::text[])");
}

struct feed_query *feed_db_log_read(struct pg_pool *pool, const char *channel, int64_t after,
                                    int64_t limit, feed_query_done done, void *owner)
{
    struct feed_query *query = query_new(done, owner);
    add_text(query, channel);
    add_integer(query, after);
    add_integer(query, limit);
    return ask(pool, query, "hub_log_read",
               "SELECT seq, payload FROM api.log_read($1::text, $2::bigint, $3::int)");
}

struct feed_query *feed_db_metrics_snapshot(struct pg_pool *pool, const char *scope, bool from_jobs,
                                            feed_query_done done, void *owner)
{
    struct feed_query *query = query_new(done, owner);
    add_text(query, scope);
    add_text(query, from_jobs ? "true" : "false");
    return ask(pool, query, "hub_metrics_snapshot",
               "SELECT * FROM api.metrics_snapshot($1::text, $2::boolean)");
}

struct feed_query *feed_db_jobs_snapshot(struct pg_pool *pool, const char *scope, int64_t limit,
                                         feed_query_done done, void *owner)
{
    struct feed_query *query = query_new(done, owner);
    add_text(query, scope);
    add_integer(query, limit);
    return ask(pool, query, "hub_jobs_snapshot",
               "SELECT * FROM api.jobs_snapshot($1::text, $2::int)");
}

struct feed_query *feed_db_thread_members(struct pg_pool *pool, const char *channel,
                                          feed_query_done done, void *owner)
{
    struct feed_query *query = query_new(done, owner);
    add_text(query, channel);
    return ask(pool, query, "hub_thread_members",
               "SELECT epoch, seq, members_version, user_id, joined_seq"
               " FROM api.thread_members($1::text)");
}

struct feed_query *feed_db_sessions_state(struct pg_pool *pool, const char *const *sessions,
                                          const char *const *users, size_t count,
                                          feed_query_done done, void *owner)
{
    struct feed_query *query = query_new(done, owner);
    add_names(query, &query->names, sessions, count);
    add_names(query, &query->users, users, count);
    return ask(pool, query, "hub_sessions_state",
               "SELECT session, principal, reason"
               " FROM api.sessions_state($1::text[], $2::text[])");
}

struct feed_query *feed_db_access_changes(struct pg_pool *pool, int64_t seconds, int64_t limit,
                                          feed_query_done done, void *owner)
{
    struct feed_query *query = query_new(done, owner);
    add_integer(query, seconds);
    add_integer(query, limit);
    return ask(pool, query, "hub_access_changes",
               "SELECT * FROM api.access_changes($1::int, $2::int)");
}

struct feed_query *feed_db_partners(struct pg_pool *pool, feed_query_done done, void *owner)
{
    struct feed_query *query = query_new(done, owner);
    return ask(pool, query, "hub_partners", "SELECT code, name FROM api.partners()");
}

void feed_query_drop(struct feed_query *query)
{
    if (query)
        query->done = NULL;
}
