/* The hub's questions to Postgres, each a function of the schema `api`. Every question is answered
 * exactly once through its callback, unless it is dropped: then the answer is thrown away. Lives on
 * the hub's loop; needs its pool to outlive the questions. */
#ifndef MH_HUB_FEED_DB_H
#define MH_HUB_FEED_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/postgres/pg_pool.h"

struct feed_query;

typedef void (*feed_query_done)(void *owner, const struct pg_result *result);

/* All return the question, or NULL if it cannot be asked now (not connected, queue full); then
 * `done` is not called. Texts are copied. */
struct feed_query *feed_db_heads(struct pg_pool *pool, const char *const *channels, size_t count,
                                 feed_query_done done, void *owner);
struct feed_query *feed_db_log_read(struct pg_pool *pool, const char *channel, int64_t after,
                                    int64_t limit, feed_query_done done, void *owner);
struct feed_query *feed_db_metrics_snapshot(struct pg_pool *pool, const char *scope, bool from_jobs,
                                            feed_query_done done, void *owner);
struct feed_query *feed_db_jobs_snapshot(struct pg_pool *pool, const char *scope, int64_t limit,
                                         feed_query_done done, void *owner);
/* Rows of epoch, seq, members_version, user, joined_seq. */
struct feed_query *feed_db_thread_members(struct pg_pool *pool, const char *channel,
                                          feed_query_done done, void *owner);
/* Of pairs of a session and its user, by their public ids. Rows of session, principal or NULL, why
 * there is none; in the order of the sessions' bytes. */
struct feed_query *feed_db_sessions_state(struct pg_pool *pool, const char *const *sessions,
                                          const char *const *users, size_t count,
                                          feed_query_done done, void *owner);
/* Rows of a user: whose access changed in the last seconds. */
struct feed_query *feed_db_access_changes(struct pg_pool *pool, int64_t seconds, int64_t limit,
                                          feed_query_done done, void *owner);
struct feed_query *feed_db_partners(struct pg_pool *pool, feed_query_done done, void *owner);
/* The owner no longer wants the answer. NULL-safe. */
void feed_query_drop(struct feed_query *query);

#endif
