#include "ingest/http/session.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/problem.h"
#include "ingest/http/session_cookie.h"
#include "ingest/ingest.h"
#include "shared/access/principal_json.h"
#include "shared/access/token.h"
#include "shared/base/log.h"
#include "shared/base/time.h"

#define MAX_BODY 4096u

/* One question to Postgres on behalf of a request; in the request's arena, which lives until the
 * answer, since the request is suspended. */
struct session_call {
    struct ingest *ingest;
    struct http_request *request;
    unsigned char link_hash[SECRET_HASH_BYTES], session_hash[SECRET_HASH_BYTES];
    char secret[SECRET_TEXT_SIZE]; /* of the new session's cookie */
    char ttl[24];                  /* seconds */
    int64_t asked_ms;              /* the principal is of then, or later */
    struct pg_param params[3];
};

static struct session_call *call_new(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = arena_array(&request->arena, 1, sizeof(*call));
    call->ingest = ingest;
    call->request = request;
    http_reply_header(request, "Cache-Control", "no-store");
    http_reply_header(request, "X-Content-Type-Options", "nosniff");
    return call;
}

/* Fills session_hash from the cookie; answers 401 and returns false without one. */
static bool call_take_cookie(struct session_call *call)
{
    if (session_cookie_hash(call->request, call->session_hash))
        return true;
    http_problem(call->request, REASON_SIGN_IN, NULL, NULL);
    return false;
}

static void call_run(struct session_call *call, const char *name, const char *statement,
                     int param_count,
                     void (*on_result)(void *owner, const struct pg_result *result))
{
    struct pg_query query = {
        .name = name,
        .statement = statement,
        .params = call->params,
        .param_count = param_count,
        .on_result = on_result,
        .owner = call,
        .timeout_ms = 5000,
    };
    if (pg_pool_query(call->ingest->control, &query))
        http_problem(call->request, REASON_UNAVAILABLE, "the database is not reachable", NULL);
}

/* The principal's JSON, or NULL with the request answered: `missing` if there is none. */
static const char *principal_of(struct session_call *call, const struct pg_result *result,
                                enum reason missing, size_t *ret_length)
{
    static struct log_limit limit = {.interval_ms = 1000};
    if (pg_result_failure(result) != PG_OK) {
        log_limited(&limit, LOG_LEVEL_WARNING, "session query failed: %s %s",
                    pg_result_sqlstate(result), pg_result_message(result));
        http_problem(call->request, REASON_UNAVAILABLE, "the session cannot be checked now", NULL);
        return NULL;
    }
    const char *json =
        pg_result_rows(result) == 1 ? pg_result_text(result, 0, 0, ret_length) : NULL;
    if (!json)
        http_problem(call->request, missing, NULL, NULL);
    return json;
}

static void on_opened(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    size_t length = 0;
    const char *json = principal_of(call, result, REASON_LINK_INVALID, &length);
    if (!json)
        return;
    buffer_append(&call->request->reply.body, json, length);
    session_cookie_set(call->ingest, call->request, call->secret,
                       call->ingest->settings.session_ttl / 1000);
    sodium_memzero(call->secret, sizeof(call->secret));
    http_request_answer(call->request, 200, JSON_TYPE);
}

/* The link's token from the body; answers and returns false if there is none. */
static bool call_take_link(struct session_call *call)
{
    const struct buffer *body = &call->request->body;
    json_t *root =
        body->length ? json_loadb(body->data, body->length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *link = json_string_value(json_object_get(root, "link"));
    bool found = link && strlen(link) > 0 && strlen(link) <= 128;
    if (found)
        secret_hash(link, call->link_hash);
    else
        http_problem(call->request, REASON_BAD_REQUEST, "expected {\"link\":\"…\"}", "link");
    json_decref(root);
    return found;
}

void session_post(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = call_new(ingest, request);
    int64_t wait_ms = 0;
    if (!session_origin_allowed(ingest, request)) {
        http_problem(request, REASON_ORIGIN, NULL, NULL);
        return;
    }
    if (request->body.length > MAX_BODY) {
        http_problem(request, REASON_BODY_TOO_LARGE, NULL, NULL);
        return;
    }
    if (!rate_table_take(ingest->sign_ins, request->address, time_monotonic_us(), &wait_ms)) {
        reply_retry_after(request, wait_ms);
        http_problem(request, REASON_RATE_LIMITED, "too many sign-ins from this address", NULL);
        return;
    }
    if (!call_take_link(call))
        return;
    secret_generate(call->secret, call->session_hash);
    snprintf(call->ttl, sizeof(call->ttl), "%" PRId64, ingest->settings.session_ttl / 1000);
    call->params[0] = secret_hash_param(call->link_hash);
    call->params[1] = secret_hash_param(call->session_hash);
    call->params[2] = (struct pg_param){.data = call->ttl, .length = (int32_t)strlen(call->ttl)};
    call_run(call, "session_open", "SELECT * FROM api.session_open($1, $2, $3::int)", 3, on_opened);
}

static void on_principal(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    size_t length = 0;
    const char *json = principal_of(call, result, REASON_SIGN_IN, &length);
    if (!json)
        return;
    buffer_append(&call->request->reply.body, json, length);
    http_request_answer(call->request, 200, JSON_TYPE);
}

static void ask_principal(struct session_call *call,
                          void (*on_result)(void *owner, const struct pg_result *result))
{
    call->asked_ms = time_wall_ms();
    call->params[0] = secret_hash_param(call->session_hash);
    call_run(call, "session_principal", "SELECT api.session_principal($1)", 1, on_result);
}

void session_get(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = call_new(ingest, request);
    if (call_take_cookie(call))
        ask_principal(call, on_principal);
}

static void on_deleted(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    if (pg_result_failure(result) != PG_OK) {
        http_problem(call->request, REASON_UNAVAILABLE, "the session is still open", NULL);
        return;
    }
    session_cookie_set(call->ingest, call->request, "", 0);
    http_request_answer(call->request, 204, NULL);
}

void session_delete(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = call_new(ingest, request);
    if (!session_origin_allowed(ingest, request)) {
        http_problem(request, REASON_ORIGIN, NULL, NULL);
        return;
    }
    if (!call_take_cookie(call))
        return;
    call->params[0] = secret_hash_param(call->session_hash);
    call_run(call, "session_close", "SELECT api.session_close($1)", 1, on_deleted);
}

/* Signs a token that ends with the session or after token_ttl. */
static void reply_token(struct session_call *call, struct principal *principal)
{
    struct ingest *ingest = call->ingest;
    struct buffer *out = &call->request->reply.body;
    int64_t now_ms = time_wall_ms(), end_ms = now_ms + ingest->settings.token_ttl;
    char *token = NULL;
    principal->issued_ms = call->asked_ms;
    if (principal->expires_ms > end_ms)
        principal->expires_ms = end_ms;
    if (token_sign(principal, ingest->token_secret, ingest->token_secret_length, now_ms, &token)) {
        http_problem(call->request, REASON_INTERNAL, NULL, NULL);
        return;
    }
    buffer_append_text(out, "{\"token\":");
    buffer_append_json_string(out, token, strlen(token));
    buffer_append_text(out, ",\"expires_ms\":");
    buffer_append_i64(out, principal->expires_ms);
    buffer_append_text(out, ",\"hub_url\":");
    buffer_append_json_string(out, ingest->settings.hub_url, strlen(ingest->settings.hub_url));
    buffer_append_text(out, "}");
    sodium_memzero(token, strlen(token));
    free(token);
    http_request_answer(call->request, 200, JSON_TYPE);
}

static void on_token_principal(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    struct principal principal;
    size_t length = 0;
    const char *json = principal_of(call, result, REASON_SIGN_IN, &length);
    if (!json)
        return;
    if (session_principal_parse(json, length, &principal)) {
        log_error("session principal has an unexpected form");
        http_problem(call->request, REASON_INTERNAL, NULL, NULL);
        return;
    }
    reply_token(call, &principal);
}

void session_token(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = call_new(ingest, request);
    if (!session_origin_allowed(ingest, request))
        http_problem(request, REASON_ORIGIN, NULL, NULL);
    else if (call_take_cookie(call))
        ask_principal(call, on_token_principal);
}
