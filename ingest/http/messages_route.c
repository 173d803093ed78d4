#include "ingest/http/messages_route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/problem.h"
#include "ingest/http/router.h"
#include "ingest/ingest.h"
#include "ingest/messages/message.h"
#include "shared/base/log.h"
#include "shared/base/time.h"

#define DEFAULT_PAGE 100
#define MAX_PAGE 500
#define QUERY_TIMEOUT_MS 5000

/* One question to Postgres on behalf of a request; in the request's arena, which lives until the
 * answer, since the request is suspended. */
struct message_call {
    struct ingest *ingest;
    struct http_request *request;
    long page;
    struct pg_param params[5];
};

static struct message_call *call_new(struct ingest *ingest, struct http_request *request)
{
    struct message_call *call = arena_array(&request->arena, 1, sizeof(*call));
    call->ingest = ingest;
    call->request = request;
    http_reply_header(request, "Cache-Control", "no-store");
    return call;
}

static struct pg_param text_param(const char *text, size_t length)
{
    return (struct pg_param){.data = text, .length = (int32_t)length};
}

static void call_run(struct message_call *call, struct pg_query query)
{
    query.params = call->params;
    query.owner = call;
    query.timeout_ms = QUERY_TIMEOUT_MS;
    int error = pg_pool_query(call->ingest->control, &query);
    if (error)
        http_problem(call->request, REASON_UNAVAILABLE,
                     error == -ENOBUFS ? "too many requests wait for the database"
                                       : "the database is not reachable",
                     NULL);
}

/* False with the request answered if the query failed. */
static bool call_succeeded(struct message_call *call, const struct pg_result *result,
                           const char *unavailable)
{
    static struct log_limit limit = {.interval_ms = 1000};
    enum pg_failure failure = pg_result_failure(result);
    if (failure == PG_OK)
        return true;
    log_limited(&limit, LOG_LEVEL_WARNING, "%s of %s failed: %s %s", call->request->route->path,
                call->request->user, pg_result_sqlstate(result), pg_result_message(result));
    if (failure == PG_FAILED_STATEMENT)
        http_problem(call->request, REASON_INTERNAL, NULL, NULL);
    else
        http_problem(call->request, REASON_UNAVAILABLE, unavailable, NULL);
    return false;
}

/* Whether a text is of the form that public ids have; what is not, names nothing. */
static bool is_id(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 40 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

/* ---- POST /v1/threads/{}/messages -------------------------------------------------------------
 */

enum message_column { VERDICT, ID, SEQ, AT, CHANNEL, EPOCH, PAYLOAD };

static const struct {
    const char *verdict;
    enum reason reason;
    const char *detail, *field;
} refusals[] = {
    {"not_found", REASON_NOT_FOUND, NULL, NULL},
    {"conflict", REASON_CONFLICT, "the client_id stands for another message", "client_id"},
    {"unauthorized", REASON_TOKEN_INVALID, "the user is not active, or signed out", NULL},
    {"impersonating", REASON_IMPERSONATING, NULL, NULL},
    {"locked", REASON_LOCKED, NULL, NULL},
    {"read_only", REASON_READ_ONLY, NULL, NULL},
    {"partner_suspended", REASON_SUSPENDED, NULL, NULL},
};

static void refuse(struct message_call *call, const char *verdict)
{
    call->ingest->counters->messages_refused++;
    for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++) {
        if (strcmp(refusals[i].verdict, verdict) == 0) {
            http_problem(call->request, refusals[i].reason, refusals[i].detail, refusals[i].field);
            return;
        }
    }
    log_error("unknown verdict on a message of %s: %s", call->request->user, verdict);
    http_problem(call->request, REASON_INTERNAL, NULL, NULL);
}

static void publish(struct ingest *ingest, const struct pg_result *result)
{
    struct feed_message message = {
        .channel = pg_result_text(result, 0, CHANNEL, NULL),
        .epoch = pg_result_text(result, 0, EPOCH, NULL),
        .seq = pg_result_i64(result, 0, SEQ, 0),
    };
    message.payload = pg_result_text(result, 0, PAYLOAD, &message.payload_length);
    publisher_send(ingest->publisher, &message);
}

static void on_posted(void *owner, const struct pg_result *result)
{
    struct message_call *call = owner;
    struct buffer *out = &call->request->reply.body;
    if (!call_succeeded(call, result,
                        "the database did not confirm; send the same client_id again"))
        return;
    const char *verdict = pg_result_text(result, 0, VERDICT, NULL);
    bool posted = strcmp(verdict, "posted") == 0;
    if (!posted && strcmp(verdict, "duplicate") != 0) {
        refuse(call, verdict);
        return;
    }
    if (posted) {
        call->ingest->counters->messages_posted++;
        publish(call->ingest, result);
    } else {
        call->ingest->counters->messages_duplicate++;
    }
    buffer_append_text(out, "{\"id\":\"");
    buffer_append_text(out, pg_result_text(result, 0, ID, NULL));
    buffer_append_text(out, "\",\"seq\":");
    buffer_append_i64(out, pg_result_i64(result, 0, SEQ, 0));
    buffer_append_text(out, ",\"at\":");
    buffer_append_i64(out, pg_result_i64(result, 0, AT, 0));
    buffer_append_text(out, "}");
    http_request_answer(call->request, posted ? 201 : 200, JSON_TYPE);
}

/* False with the request answered. */
static bool take_message(struct message_call *call)
{
    struct http_request *request = call->request;
    struct message message;
    const char *field;
    int64_t wait_ms = 0;
    enum reason reason =
        message_decode(request->body.data, request->body.length, &request->arena, &message, &field);
    if (reason != REASON_NONE) {
        call->ingest->counters->messages_refused++;
        http_problem(request, reason,
                     field ? NULL : "expected {\"client_id\":\"<uuid>\",\"body\":\"…\"}", field);
        return false;
    }
    if (!rate_table_take(call->ingest->messages, request->user, time_monotonic_us(), &wait_ms)) {
        reply_retry_after(request, wait_ms);
        http_problem(request, REASON_RATE_LIMITED, "too many messages of this user", NULL);
        return false;
    }
    call->params[0] = text_param(request->user, strlen(request->user));
    call->params[1] = text_param(request->segment, strlen(request->segment));
    call->params[2] = text_param(message.client_id.bytes, message.client_id.length);
    call->params[3] = text_param(message.body.bytes, message.body.length);
    call->params[4] = text_param(request->session, strlen(request->session));
    return true;
}

void message_post(struct ingest *ingest, struct http_request *request)
{
    struct message_call *call = call_new(ingest, request);
    if (!is_id(request->segment))
        refuse(call, "not_found");
    else if (take_message(call))
        call_run(call, (struct pg_query){
                           .name = "message_post",
                           .statement = "SELECT verdict, id, seq, at, channel, epoch, payload"
                                        " FROM api.message_post($1, $2, $3::uuid, $4, $5)",
                           .param_count = 5,
                           .on_result = on_posted,
                       });
}

/* ---- GET /v1/threads --------------------------------------------------------------------------
 */

static void on_threads(void *owner, const struct pg_result *result)
{
    struct message_call *call = owner;
    struct buffer *out = &call->request->reply.body;
    if (!call_succeeded(call, result, "the threads cannot be read now"))
        return;
    int rows = pg_result_rows(result);
    buffer_append_text(out, "{\"threads\":[");
    for (int row = 0; row < rows; row++) {
        if (row)
            buffer_append_text(out, ",");
        buffer_append_text(out, pg_result_text(result, row, 1, NULL));
    }
    buffer_append_text(out, "]");
    if (rows == call->page) {
        buffer_append_text(out, ",\"next\":\"");
        buffer_append_text(out, pg_result_text(result, rows - 1, 0, NULL));
        buffer_append_text(out, "\"");
    }
    buffer_append_text(out, "}");
    http_request_answer(call->request, 200, JSON_TYPE);
}

/* False with the request answered. */
static bool take_page(struct message_call *call)
{
    struct http_request *request = call->request;
    const char *limit = http_request_query(request, "limit");
    const char *after = http_request_query(request, "after");
    char *end = NULL;
    call->page = limit ? strtol(limit, &end, 10) : DEFAULT_PAGE;
    if (limit && (end == limit || *end || call->page < 1 || call->page > MAX_PAGE)) {
        http_problem(request, REASON_OUT_OF_RANGE, "from 1 to 500", "limit");
        return false;
    }
    if (after && !is_id(after)) {
        http_problem(request, REASON_INVALID, "`next` of the page before", "after");
        return false;
    }
    const char *text = arena_printf(&request->arena, "%ld", call->page);
    call->params[0] = text_param(request->user, strlen(request->user));
    call->params[1] = after ? text_param(after, strlen(after)) : text_param("", 0);
    call->params[2] = text_param(text, strlen(text));
    call->params[3] = text_param(request->session, strlen(request->session));
    return true;
}

void threads_get(struct ingest *ingest, struct http_request *request)
{
    struct message_call *call = call_new(ingest, request);
    if (take_page(call))
        call_run(call,
                 (struct pg_query){
                     .name = "threads_of",
                     .statement = "SELECT id, thread FROM api.threads_of($1, $2, $3::int, $4)",
                     .param_count = 4,
                     .on_result = on_threads,
                 });
}
