#include "ingest/http/access_route.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/access_query.h"
#include "ingest/http/problem.h"
#include "ingest/http/router.h"
#include "ingest/http/session_cookie.h"
#include "ingest/ingest.h"
#include "shared/base/log.h"

#define QUERY_TIMEOUT_MS 10000
#define ID_BYTES 12u

enum param { ROUTE, SESSION, REQUEST_ID, ADDRESS, TARGET, QUERY, BODY, FRESH, PARAM_COUNT };
enum column { STATUS, REASON, DETAIL, FIELD, ANSWER, FEEDS };

/* In the request's arena, which lives until the answer, since the request is suspended. */
struct access_call {
    struct ingest *ingest;
    struct http_request *request;
    unsigned char session_hash[SECRET_HASH_BYTES];
    json_t *query, *body, *fresh;
    char *texts[3]; /* of the three above, while Postgres is asked */
    struct pg_param params[PARAM_COUNT];
};

static void free_text(char *text)
{
    if (text)
        sodium_memzero(text, strlen(text));
    free(text);
}

static void access_release(struct http_request *request)
{
    struct access_call *call = request->work;
    json_decref(call->query);
    json_decref(call->body);
    json_decref(call->fresh);
    for (size_t i = 0; i < ARRAY_LENGTH(call->texts); i++)
        free_text(call->texts[i]);
}

/* For the trail, the log and whoever asks about an answer. */
static const char *new_id(struct arena *arena)
{
    unsigned char random[ID_BYTES];
    char text[ID_BYTES * 2 + 1];
    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(text, sizeof(text), random, sizeof(random));
    return arena_printf(arena, "req_%s", text);
}

static struct access_call *call_new(struct ingest *ingest, struct http_request *request)
{
    struct access_call *call = arena_array(&request->arena, 1, sizeof(*call));
    memset(call, 0, sizeof(*call));
    call->ingest = ingest;
    call->request = request;
    request->work = call;
    request->release = access_release;
    request->id = new_id(&request->arena);
    http_reply_header(request, "X-Request-Id", request->id);
    http_reply_header(request, "Cache-Control", "no-store");
    http_reply_header(request, "X-Content-Type-Options", "nosniff");
    return call;
}

/* ---- The answer ------------------------------------------------------------------------------ */

static void publish(struct ingest *ingest, const json_t *feed)
{
    const json_t *payload = json_object_get(feed, "payload");
    struct feed_message message = {
        .channel = json_string_value(json_object_get(feed, "channel")),
        .epoch = json_string_value(json_object_get(feed, "epoch")),
        .seq = json_integer_value(json_object_get(feed, "seq")),
        .payload = json_string_value(payload),
        .payload_length = json_string_length(payload),
    };
    if (message.channel && message.epoch && message.payload)
        publisher_send(ingest->publisher, &message);
    else
        log_error("a feed of an answer has an unexpected form");
}

static void publish_all(struct access_call *call, const char *text, size_t length)
{
    size_t index;
    json_t *feed, *feeds = json_loadb(text, length, 0, NULL);
    if (!json_is_array(feeds))
        log_error("the feeds of %s have an unexpected form", call->request->route->name);
    json_array_foreach(feeds, index, feed) publish(call->ingest, feed);
    json_decref(feeds);
}

/* False with the request answered if the query failed. */
static bool call_succeeded(struct access_call *call, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 1000};
    enum pg_failure failure = pg_result_failure(result);
    if (failure == PG_OK && pg_result_rows(result) == 1)
        return true;
    log_limited(&limit, LOG_LEVEL_WARNING, "route %s failed, request %s: %s %s",
                call->request->route->name, call->request->id, pg_result_sqlstate(result),
                pg_result_message(result));
    if (failure == PG_OK || failure == PG_FAILED_STATEMENT)
        http_problem(call->request, REASON_INTERNAL, NULL, NULL);
    else
        http_problem(call->request, REASON_UNAVAILABLE,
                     call->request->method == HTTP_GET
                         ? "this cannot be read now"
                         : "the database did not confirm: look before you try again",
                     NULL);
    return false;
}

static void answer(struct access_call *call, const struct pg_result *result)
{
    size_t length = 0;
    const char *text = pg_result_text(result, 0, ANSWER, &length);
    if (!text) {
        http_request_answer(call->request, 204, NULL);
        return;
    }
    buffer_append(&call->request->reply.body, text, length);
    http_request_answer(call->request, 200, JSON_TYPE);
}

static void on_result(void *owner, const struct pg_result *result)
{
    struct access_call *call = owner;
    size_t length = 0;
    if (!call_succeeded(call, result))
        return;
    const char *feeds = pg_result_text(result, 0, FEEDS, &length);
    if (feeds)
        publish_all(call, feeds, length);
    int status = (int)pg_result_i64(result, 0, STATUS, 500);
    if (status >= 200 && status < 300)
        answer(call, result);
    else
        http_problem_of(call->request, status, pg_result_text(result, 0, REASON, NULL),
                        pg_result_text(result, 0, DETAIL, NULL),
                        pg_result_text(result, 0, FIELD, NULL));
}

/* ---- The question ---------------------------------------------------------------------------- */

static struct pg_param text_param(const char *text)
{
    return (struct pg_param){.data = text, .length = text ? (int32_t)strlen(text) : -1};
}

static void ask(struct access_call *call)
{
    struct http_request *request = call->request;
    const json_t *const objects[] = {call->query, call->body, call->fresh};
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++)
        call->texts[i] = objects[i] ? json_dumps(objects[i], JSON_COMPACT) : NULL;
    call->params[ROUTE] = text_param(request->route->name);
    call->params[SESSION] = secret_hash_param(call->session_hash);
    call->params[REQUEST_ID] = text_param(request->id);
    call->params[ADDRESS] = text_param(request->address);
    call->params[TARGET] = text_param(request->segment);
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++)
        call->params[QUERY + i] = text_param(call->texts[i]);
    struct pg_query query = {
        .name = "request",
        .statement = "SELECT status, reason, detail, field, body, feeds"
                     " FROM api.request($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8::jsonb)",
        .params = call->params,
        .param_count = PARAM_COUNT,
        .on_result = on_result,
        .owner = call,
        .timeout_ms = QUERY_TIMEOUT_MS,
    };
    int error = pg_pool_query(call->ingest->control, &query);
    if (error)
        http_problem(request, REASON_UNAVAILABLE,
                     error == -ENOBUFS ? "too many requests wait for the database"
                                       : "the database is not reachable",
                     NULL);
}

/* False with the request answered. */
static bool take_body(struct access_call *call)
{
    struct http_request *request = call->request;
    if (request->method == HTTP_GET || request->body.length == 0)
        return true;
    call->body = json_loadb(request->body.data, request->body.length, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(call->body))
        return true;
    http_problem(request, REASON_INVALID_JSON, "the body must be a JSON object", NULL);
    return false;
}

/* False with the request answered. */
static bool take_query(struct access_call *call)
{
    struct http_request *request = call->request;
    const char *field;
    call->query = access_query_parse(request->query, &request->arena, &field);
    if (call->query)
        return true;
    http_problem(request, REASON_BAD_REQUEST, "each parameter once, in UTF-8", field);
    return false;
}

void access_request(struct ingest *ingest, struct http_request *request)
{
    struct access_call *call = call_new(ingest, request);
    if (request->method != HTTP_GET && !session_origin_allowed(ingest, request))
        http_problem(request, REASON_ORIGIN, NULL, NULL);
    else if (!session_cookie_hash(request, call->session_hash))
        http_problem(request, REASON_SIGN_IN, NULL, NULL);
    else if (take_query(call) && take_body(call))
        ask(call);
}
