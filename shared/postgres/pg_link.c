/* States and their one timer: CONNECTING (the attempt's limit), UP (the running query's limit),
 * DOWN (the pause before the next attempt), CLOSED. The watcher is a handle of its own on the heap,
 * because a connect attempt changes the descriptor from step to step, maybe to one of the same
 * number: the old watcher is always closed before libpq may close the descriptor. */
#include "shared/postgres/pg_link.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/list.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/postgres/pg_internal.h"

#define CONNECT_TIMEOUT_MS 5000
#define QUERY_TIMEOUT_MS 30000
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 5000
#define LOG_INTERVAL_MS 5000

struct job {
    struct list link;
    struct pg_query query;
};

struct pg_link {
    uv_loop_t *loop;
    enum pg_link_state state;
    struct pg_link_options options; /* strings owned */
    char *dsn, *name;

    PGconn *connection;
    uv_poll_t *watcher; /* NULL when none */
    int watched_events;
    uv_timer_t timer;
    uint32_t backoff_ms;
    bool broken; /* to be dropped at the timer's next turn, outside the caller's stack */
    struct log_limit log_limit;

    struct list waiting;
    unsigned waiting_count;
    struct job *running;
    bool preparing;   /* the running job waits for its PREPARE */
    PGresult *result; /* of the running job so far: its first error, else the last */

    const char **prepared; /* names known to this connection */
    size_t prepared_count;

    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_poll(uv_poll_t *watcher, int status, int events);
static void on_timer(uv_timer_t *timer);
static void start_next(struct pg_link *link);

/* --- watcher --- */

static void on_watcher_closed(uv_handle_t *handle)
{
    free(handle);
}

static void unwatch(struct pg_link *link)
{
    if (!link->watcher)
        return;
    uv_close((uv_handle_t *)link->watcher, on_watcher_closed);
    link->watcher = NULL;
    link->watched_events = 0;
}

static int watch(struct pg_link *link, int events)
{
    if (link->watcher && link->watched_events == events)
        return 0;
    if (!link->watcher) {
        uv_poll_t *watcher = memory_zalloc(sizeof(*watcher));
        int fault = uv_poll_init(link->loop, watcher, PQsocket(link->connection));
        if (fault) {
            free(watcher);
            return fault;
        }
        watcher->data = link;
        link->watcher = watcher;
    }
    link->watched_events = events;
    return uv_poll_start(link->watcher, events, on_poll);
}

/* --- end of a connection --- */

static void set_state(struct pg_link *link, enum pg_link_state state)
{
    if (link->state == state)
        return;
    link->state = state;
    if (state != PG_LINK_CLOSED && link->options.on_state)
        link->options.on_state(link->options.owner, link, state);
}

static void set_timer(struct pg_link *link, uint64_t delay_ms)
{
    uv_timer_start(&link->timer, on_timer, delay_ms, 0);
}

static void disconnect(struct pg_link *link)
{
    unwatch(link);
    uv_timer_stop(&link->timer);
    PQfinish(link->connection);
    link->connection = NULL;
    link->prepared_count = 0;
    link->broken = false;
}

/* Takes `job` out of the link before the callback, which may do anything with the link. */
static void deliver(struct job *job, enum pg_failure failure, PGresult *rows, const char *message)
{
    struct pg_result result = {.failure = failure, .rows = rows};
    if (failure != PG_OK) {
        const char *primary = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);
        pg_first_line(primary ? primary : message, result.message, sizeof(result.message));
    }
    job->query.on_result(job->query.owner, &result);
    PQclear(rows);
    free(job);
}

static struct job *take_waiting(struct pg_link *link)
{
    if (list_empty(&link->waiting))
        return NULL;
    struct job *job = LIST_ITEM(link->waiting.next, struct job, link);
    list_remove(&job->link);
    link->waiting_count--;
    return job;
}

static void fail_all(struct pg_link *link, const char *message)
{
    if (link->running) {
        struct job *job = link->running;
        PGresult *rows = link->result;
        link->running = NULL;
        link->result = NULL;
        deliver(job, PG_FAILED_CONNECTION, rows, message);
    }
    for (struct job *job = take_waiting(link); job; job = take_waiting(link))
        deliver(job, PG_FAILED_CONNECTION, NULL, message);
}

/* Doubles from attempt to attempt; the jitter keeps a fleet from coming back in step. */
static uint32_t next_backoff_ms(struct pg_link *link)
{
    uint32_t base_ms = link->backoff_ms;
    link->backoff_ms = base_ms * 2 < BACKOFF_LAST_MS ? base_ms * 2 : BACKOFF_LAST_MS;
    return base_ms / 2 + randombytes_uniform(base_ms / 2 + 1);
}

/* The one way from any living state to DOWN. */
static void drop(struct pg_link *link, const char *reason)
{
    char message[256];
    pg_first_line(reason, message, sizeof(message));
    disconnect(link);
    link->state = PG_LINK_DOWN; /* so that callbacks cannot query */
    log_limited(&link->log_limit, LOG_LEVEL_WARNING, "postgres %s: %s", link->name, message);
    fail_all(link, message);
    if (link->state != PG_LINK_DOWN)
        return; /* closed by a callback */
    set_timer(link, next_backoff_ms(link));
    if (link->options.on_state)
        link->options.on_state(link->options.owner, link, PG_LINK_DOWN);
}

static void drop_with_libpq_reason(struct pg_link *link)
{
    drop(link, PQerrorMessage(link->connection));
}

/* --- connecting --- */

static void on_notice(void *owner, const char *message)
{
    const struct pg_link *link = owner;
    char line[256];
    pg_first_line(message, line, sizeof(line));
    log_debug("postgres %s: %s", link->name, line);
}

/* What stands before dbname may be overridden by the DSN, which is expanded from dbname. Kerberos
 * look-ups would block; the keepalives notice a dead host within half a minute. */
static PGconn *start_connection(const struct pg_link *link)
{
    static const char *const keywords[] = {"fallback_application_name",
                                           "client_encoding",
                                           "gssencmode",
                                           "keepalives_idle",
                                           "keepalives_interval",
                                           "keepalives_count",
                                           "tcp_user_timeout",
                                           "dbname",
                                           NULL};
    const char *const values[] = {link->name, "UTF8",  "disable", "15", "5",
                                  "3",        "30000", link->dsn, NULL};
    return PQconnectStartParams(keywords, values, 1);
}

static void connected(struct pg_link *link)
{
    PQsetnonblocking(link->connection, 1);
    uv_timer_stop(&link->timer);
    if (watch(link, UV_READABLE)) {
        drop(link, "cannot watch the connection");
        return;
    }
    set_state(link, PG_LINK_UP);
}

/* The attempt goes on after whatever event, since a refused connect arrives as an error and only
 * PQconnectPoll finds the reason or tries the next host. */
static void connect_step(struct pg_link *link)
{
    unwatch(link);
    switch (PQconnectPoll(link->connection)) {
    case PGRES_POLLING_OK:
        connected(link);
        return;
    case PGRES_POLLING_READING:
        if (watch(link, UV_READABLE))
            drop(link, "cannot watch the connection");
        return;
    case PGRES_POLLING_WRITING:
        if (watch(link, UV_WRITABLE))
            drop(link, "cannot watch the connection");
        return;
    default:
        drop_with_libpq_reason(link);
    }
}

static void connect_begin(struct pg_link *link)
{
    set_state(link, PG_LINK_CONNECTING);
    if (link->state != PG_LINK_CONNECTING)
        return; /* closed by the callback */
    link->connection = start_connection(link);
    if (!link->connection || PQstatus(link->connection) == CONNECTION_BAD) {
        drop_with_libpq_reason(link);
        return;
    }
    PQsetNoticeProcessor(link->connection, on_notice, link);
    set_timer(link, link->options.connect_timeout_ms);
    /* libpq asks to wait for writable first. */
    if (watch(link, UV_WRITABLE))
        drop(link, "cannot watch the connection");
}

/* --- queries --- */

/* 0, or -1 when the connection is lost. While bytes are unsent, the server may be waiting for us to
 * read before it reads on: watch both ways. */
static int flush(struct pg_link *link)
{
    int unsent = PQflush(link->connection);
    if (unsent < 0)
        return -1;
    return watch(link, unsent ? UV_READABLE | UV_WRITABLE : UV_READABLE) ? -1 : 0;
}

static bool is_prepared(const struct pg_link *link, const char *name)
{
    for (size_t i = 0; i < link->prepared_count; i++) {
        if (strcmp(link->prepared[i], name) == 0)
            return true;
    }
    return false;
}

static void remember_prepared(struct pg_link *link, const char *name)
{
    link->prepared =
        memory_realloc(link->prepared, (link->prepared_count + 1) * sizeof(*link->prepared));
    link->prepared[link->prepared_count++] = name;
}

static int send_query(struct pg_link *link, const struct pg_query *query)
{
    Oid types[PG_MAX_PARAMS];
    const char *values[PG_MAX_PARAMS];
    int lengths[PG_MAX_PARAMS];
    int formats[PG_MAX_PARAMS];
    for (int i = 0; i < query->param_count; i++) {
        const struct pg_param *param = &query->params[i];
        types[i] = param->type;
        values[i] = param->length < 0 ? NULL : param->data;
        lengths[i] = param->length;
        formats[i] = param->binary || param->type == PG_TYPE_TEXT;
        assert(!values[i] || formats[i] || values[i][lengths[i]] == '\0');
    }
    link->preparing = query->name && !is_prepared(link, query->name);
    if (link->preparing)
        return PQsendPrepare(link->connection, query->name, query->statement, query->param_count,
                             types);
    if (query->name)
        return PQsendQueryPrepared(link->connection, query->name, query->param_count, values,
                                   lengths, formats, 0);
    return PQsendQueryParams(link->connection, query->statement, query->param_count, types, values,
                             lengths, formats, 0);
}

/* Never calls back by itself: a failure waits for the timer's next turn, because the caller may be
 * in the middle of pg_link_query. */
static void send_running(struct pg_link *link)
{
    if (send_query(link, &link->running->query) && flush(link) == 0)
        return;
    link->broken = true;
    set_timer(link, 0);
}

static void start_next(struct pg_link *link)
{
    link->running = take_waiting(link);
    if (!link->running)
        return;
    uint32_t timeout_ms = link->running->query.timeout_ms;
    set_timer(link, timeout_ms ? timeout_ms : link->options.query_timeout_ms);
    send_running(link);
}

/* After these the connection is of no more use: it leads to a standby, or knows other statements
 * than we think. */
static bool needs_new_connection(const PGresult *rows)
{
    const char *sqlstate = PQresultErrorField(rows, PG_DIAG_SQLSTATE);
    return sqlstate && (strcmp(sqlstate, "25006") == 0 || strcmp(sqlstate, "26000") == 0 ||
                        strcmp(sqlstate, "0A000") == 0);
}

/* The server is ready for the next query: what it said about this one is final. */
static void finish_running(struct pg_link *link)
{
    struct job *job = link->running;
    PGresult *rows = link->result;
    enum pg_failure failure = pg_result_classify(rows);
    bool renew = needs_new_connection(rows);
    link->running = NULL;
    link->result = NULL;
    link->backoff_ms = BACKOFF_FIRST_MS;
    uv_timer_stop(&link->timer);
    deliver(job, failure, rows, PQresultErrorMessage(rows));
    if (link->state != PG_LINK_UP)
        return;
    if (renew)
        drop(link, "the connection cannot serve its statements any more");
    else if (!link->running)
        start_next(link);
}

static void on_ready(struct pg_link *link)
{
    if (PQstatus(link->connection) == CONNECTION_BAD) {
        drop_with_libpq_reason(link);
        return;
    }
    if (!link->preparing || pg_result_classify(link->result) != PG_OK) {
        finish_running(link);
        return;
    }
    remember_prepared(link, link->running->query.name);
    PQclear(link->result);
    link->result = NULL;
    send_running(link);
}

/* A statement's rows may be followed by the error of its COMMIT: the first error counts. */
static void keep_result(struct pg_link *link, PGresult *result)
{
    if (link->result && pg_result_classify(link->result) != PG_OK) {
        PQclear(result);
        return;
    }
    PQclear(link->result);
    link->result = result;
}

static void collect(struct pg_link *link)
{
    while (!PQisBusy(link->connection)) {
        PGresult *result = PQgetResult(link->connection);
        if (!result) {
            on_ready(link);
            return;
        }
        ExecStatusType status = PQresultStatus(result);
        keep_result(link, result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            drop(link, "COPY is not supported");
            return;
        }
    }
}

/* Nothing is asked for, but the server may say good-bye, or change a parameter. */
static void collect_unasked(struct pg_link *link)
{
    (void)PQisBusy(link->connection); /* parses what has come */
    for (PGnotify *notify = PQnotifies(link->connection); notify;
         notify = PQnotifies(link->connection))
        PQfreemem(notify);
    if (PQstatus(link->connection) == CONNECTION_BAD)
        drop_with_libpq_reason(link);
}

static void on_poll(uv_poll_t *watcher, int status, int events)
{
    struct pg_link *link = watcher->data;
    (void)events;
    if (link->state == PG_LINK_CONNECTING) {
        connect_step(link);
        return;
    }
    if (status < 0)
        link->watched_events = 0; /* libuv has stopped it; the read below finds the reason */
    if (!PQconsumeInput(link->connection) || flush(link) < 0)
        drop_with_libpq_reason(link);
    else if (link->running)
        collect(link);
    else
        collect_unasked(link);
}

static void on_timer(uv_timer_t *timer)
{
    struct pg_link *link = timer->data;
    if (!link->connection)
        connect_begin(link);
    else if (link->state == PG_LINK_CONNECTING)
        drop(link, "connecting took too long");
    else if (link->broken)
        drop_with_libpq_reason(link);
    else
        drop(link, "a query took too long");
}

/* --- interface --- */

static bool dsn_valid(const char *dsn)
{
    PQconninfoOption *parsed = PQconninfoParse(dsn, NULL);
    PQconninfoFree(parsed);
    return parsed != NULL;
}

int pg_link_open(uv_loop_t *loop, const struct pg_link_options *options, struct pg_link **ret_link)
{
    if (!dsn_valid(options->dsn))
        return -EINVAL;
    struct pg_link *link = memory_zalloc(sizeof(*link));
    int fault = uv_timer_init(loop, &link->timer);
    if (fault) {
        free(link);
        return fault;
    }
    link->timer.data = link;
    link->loop = loop;
    link->options = *options;
    link->options.dsn = link->dsn = memory_strdup(options->dsn);
    link->options.name = link->name = memory_strdup(options->name);
    if (!options->connect_timeout_ms)
        link->options.connect_timeout_ms = CONNECT_TIMEOUT_MS;
    if (!options->query_timeout_ms)
        link->options.query_timeout_ms = QUERY_TIMEOUT_MS;
    link->state = PG_LINK_CONNECTING;
    link->backoff_ms = BACKOFF_FIRST_MS;
    link->log_limit.interval_ms = LOG_INTERVAL_MS;
    list_init(&link->waiting);
    set_timer(link, 0);
    *ret_link = link;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct pg_link *link = handle->data;
    void (*on_closed)(void *) = link->on_closed;
    void *owner = link->closed_owner;
    free(link->prepared);
    if (link->dsn)
        sodium_memzero(link->dsn, strlen(link->dsn)); /* may hold a password */
    free(link->dsn);
    free(link->name);
    free(link);
    if (on_closed)
        on_closed(owner);
}

void pg_link_close(struct pg_link *link, void (*on_closed)(void *owner), void *owner)
{
    if (!link)
        return;
    assert(link->state != PG_LINK_CLOSED);
    set_state(link, PG_LINK_CLOSED);
    link->on_closed = on_closed;
    link->closed_owner = owner;
    disconnect(link);
    fail_all(link, "closed");
    uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}

enum pg_link_state pg_link_state(const struct pg_link *link)
{
    return link->state;
}

unsigned pg_link_depth(const struct pg_link *link)
{
    return link->waiting_count + (link->running != NULL);
}

int pg_link_query(struct pg_link *link, const struct pg_query *query)
{
    if (link->state != PG_LINK_UP || link->broken)
        return -ENOTCONN;
    if (link->running && link->waiting_count >= link->options.max_queue)
        return -ENOBUFS;
    if (query->param_count > PG_MAX_PARAMS)
        return -E2BIG;
    struct job *job = memory_alloc(sizeof(*job));
    job->query = *query;
    list_append(&link->waiting, &job->link);
    link->waiting_count++;
    if (!link->running)
        start_next(link);
    return 0;
}
