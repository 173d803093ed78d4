/* One Postgres connection that keeps itself alive on the loop: it connects, restarts its watcher at
 * each connect step, prepares statements on first use, runs one query at a time in order, and
 * reconnects with back-off and jitter. The only folder that includes libpq-fe.h. */
#ifndef MH_PG_LINK_H
#define MH_PG_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "shared/base/base.h"

struct pg_link;
struct pg_result;

enum pg_link_state { PG_LINK_CONNECTING, PG_LINK_UP, PG_LINK_DOWN, PG_LINK_CLOSED };

struct pg_link_options {
    const char *dsn;             /* libpq connection string, several hosts allowed; copied */
    const char *name;            /* application_name and log id; copied */
    uint32_t max_queue;          /* queries that may wait behind the running one */
    uint32_t connect_timeout_ms; /* whole attempt; 0 = 5000 */
    uint32_t query_timeout_ms;   /* default per query; the connection is dropped; 0 = 30000 */
    /* Or NULL. Called at each change but the one to CLOSED, never from within pg_link_open. */
    void (*on_state)(void *owner, struct pg_link *link, enum pg_link_state state);
    void *owner;
};

/* A parameter in binary (as the type's send function writes it) or text form. `data` is borrowed
 * until on_result. length -1: NULL. libpq takes the length of a text form from its NUL, so
 * data[length] must be one; only with type PG_TYPE_TEXT, whose forms are the same, any bytes will
 * do. */
#define PG_TYPE_TEXT 25
struct pg_param {
    uint32_t type; /* OID, 0 = let the server infer */
    const void *data;
    int32_t length;
    bool binary;
};

#define PG_MAX_PARAMS 32

struct pg_query {
    const char *name;      /* of the prepared statement; static storage; NULL: not prepared */
    const char *statement; /* with $1…; static storage */
    const struct pg_param *params;
    int param_count;
    /* Called exactly once per accepted query, after the server said ready-for-query: for a
     * statement that is its own transaction, success means COMMITTED. `result` lives only during
     * the call. The callback may issue new queries. */
    void (*on_result)(void *owner, const struct pg_result *result);
    void *owner;
    uint32_t timeout_ms; /* 0 = the link's */
};

/* Starts connecting; never blocks (a host name must be an address or a socket directory). 0, or
 * -EINVAL if the DSN is not one. Why a connection was lost or refused is logged, rate-limited. */
MUST_CHECK int pg_link_open(uv_loop_t *loop, const struct pg_link_options *options,
                            struct pg_link **ret_link);
/* Fails what waits (PG_FAILED_CONNECTION, from within this call), closes; `on_closed` (may be NULL)
 * when the memory is gone. Allowed in any callback of the link. NULL-safe. */
void pg_link_close(struct pg_link *link, void (*on_closed)(void *owner), void *owner);
enum pg_link_state pg_link_state(const struct pg_link *link);
/* Queries running and waiting. */
unsigned pg_link_depth(const struct pg_link *link);
/* 0, -ENOTCONN (not up), -ENOBUFS (queue full) or -E2BIG (over PG_MAX_PARAMS); on an error
 * on_result is not called. The struct itself is copied, what it points to is borrowed. */
MUST_CHECK int pg_link_query(struct pg_link *link, const struct pg_query *query);

enum pg_failure {
    PG_OK,
    PG_FAILED_CONNECTION, /* lost, timed out or closed, whatever was said before ready-for-query:
                             the outcome is unknown */
    PG_FAILED_RETRYABLE,  /* rolled back, may succeed later: conflicts, no room, timeouts … */
    PG_FAILED_STATEMENT   /* any other: rolled back, final */
};

enum pg_failure pg_result_failure(const struct pg_result *result);
/* Five characters or "". */
const char *pg_result_sqlstate(const struct pg_result *result);
/* First line of the server's message, "" on success. Not for clients: may hold data. */
const char *pg_result_message(const struct pg_result *result);
int pg_result_rows(const struct pg_result *result);
/* Text form, NUL-terminated; NULL for SQL NULL. *ret_length unless NULL. */
const char *pg_result_text(const struct pg_result *result, int row, int column, size_t *ret_length);
/* Integer and boolean columns; `missing` for SQL NULL. */
int64_t pg_result_i64(const struct pg_result *result, int row, int column, int64_t missing);
bool pg_result_bool(const struct pg_result *result, int row, int column);

#endif
