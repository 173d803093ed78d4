#include "ingest/http/session_call.h"

#include <ctype.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/problem.h"
#include "ingest/http/router.h"
#include "ingest/ingest.h"
#include "ingest/publish/feeds.h"
#include "shared/base/log.h"
#include "shared/base/time.h"

#define AGENT_MAX 300

static void call_release(struct http_request *request)
{
    struct session_call *call = request->work;
    sodium_memzero(call->secret, sizeof(call->secret));
    sodium_memzero(call->password, sizeof(call->password));
    sodium_memzero(&call->credentials, sizeof(call->credentials));
}

struct session_call *session_call_new(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = arena_array(&request->arena, 1, sizeof(*call));
    memset(call, 0, sizeof(*call));
    call->ingest = ingest;
    call->request = request;
    request->work = call;
    request->release = call_release;
    http_reply_header(request, "Cache-Control", "no-store");
    http_reply_header(request, "X-Content-Type-Options", "nosniff");
    return call;
}

struct pg_param session_text(const char *text)
{
    return (struct pg_param){.data = text, .length = text ? (int32_t)strlen(text) : -1};
}

bool session_call_take_cookie(struct session_call *call)
{
    if (session_cookie_hash(call->request, call->session_hash))
        return true;
    http_problem(call->request, REASON_SIGN_IN, NULL, NULL);
    return false;
}

static bool take_rate(struct session_call *call, struct rate_table *table, const char *name,
                      const char *detail)
{
    int64_t wait_ms = 0;
    if (rate_table_take(table, name, time_monotonic_us(), &wait_ms))
        return true;
    reply_retry_after(call->request, wait_ms);
    http_problem(call->request, REASON_RATE_LIMITED, detail, NULL);
    return false;
}

bool session_call_may_try(struct session_call *call)
{
    struct http_request *request = call->request;
    if (!session_origin_allowed(call->ingest, request)) {
        http_problem(request, REASON_ORIGIN, NULL, NULL);
        return false;
    }
    if (request->body.length > SESSION_MAX_BODY) {
        http_problem(request, REASON_BODY_TOO_LARGE, NULL, NULL);
        return false;
    }
    return take_rate(call, call->ingest->sign_ins, request->address,
                     "too many sign-ins from this address");
}

bool session_call_may_try_user(struct session_call *call, const char *user)
{
    unsigned char hash[SECRET_HASH_BYTES];
    char name[33];
    char *folded = (char *)(uintptr_t)arena_text(&call->request->arena, user, strlen(user)).bytes;
    for (char *c = folded; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    secret_hash(folded, hash);
    sodium_bin2hex(name, sizeof(name), hash, 16);
    return take_rate(call, call->ingest->sign_in_users, name, "too many sign-ins of this person");
}

bool session_call_second_factor(struct session_call *call, int64_t *ret_step)
{
    *ret_step = -1;
    if (!call->credentials.totp_length)
        return true;
    if (!call->code) {
        http_problem(call->request, REASON_CODE_REQUIRED, NULL, "code");
        return false;
    }
    *ret_step = credentials_code_step(&call->credentials, call->code);
    if (*ret_step < 0)
        http_problem(call->request, REASON_SIGN_IN_FAILED, NULL, NULL);
    return *ret_step >= 0;
}

json_t *session_call_body(struct session_call *call)
{
    const struct buffer *body = &call->request->body;
    json_t *root =
        body->length ? json_loadb(body->data, body->length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_object(root))
        return root;
    json_decref(root);
    http_problem(call->request, REASON_BAD_REQUEST, "the body must be a JSON object", NULL);
    return NULL;
}

const char *session_call_text(struct session_call *call, const json_t *body, const char *name,
                              size_t max)
{
    const json_t *value = json_object_get(body, name);
    size_t length = json_string_length(value);
    if (!length || length > max)
        return NULL;
    return arena_text(&call->request->arena, json_string_value(value), length).bytes;
}

void session_call_forget(struct session_call *call, json_t *body)
{
    const json_t *password = json_object_get(body, "password");
    struct buffer *bytes = &call->request->body;
    if (json_is_string(password))
        sodium_memzero((char *)(uintptr_t)json_string_value(password),
                       json_string_length(password));
    json_decref(body);
    sodium_memzero(bytes->data, bytes->length);
}

/* The header's value, cut, with ? for what is no ASCII: its encoding is anybody's guess. */
static const char *agent_of(struct http_request *request)
{
    const char *value = http_request_header(request, "User-Agent");
    size_t length = value ? strnlen(value, AGENT_MAX) : 0;
    if (!length)
        return NULL;
    char *agent = (char *)(uintptr_t)arena_text(&request->arena, value, length).bytes;
    for (char *c = agent; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return agent;
}

void session_call_begin(struct session_call *call)
{
    struct arena *arena = &call->request->arena;
    secret_generate(call->secret, call->session_hash);
    call->ttl = arena_i64(arena, call->ingest->settings.session_ttl / 1000);
    call->agent = agent_of(call->request);
}

void session_call_run(struct session_call *call, const char *name, const char *statement,
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

bool session_call_answered(struct session_call *call, const struct pg_result *result,
                           const char *detail)
{
    static struct log_limit limit = {.interval_ms = 1000};
    if (pg_result_failure(result) == PG_OK)
        return true;
    log_limited(&limit, LOG_LEVEL_WARNING, "%s from %s: session query failed: %s %s",
                call->request->route->path, call->request->address, pg_result_sqlstate(result),
                pg_result_message(result));
    http_problem(call->request, REASON_UNAVAILABLE, detail, NULL);
    return false;
}

const char *session_call_principal(struct session_call *call, const struct pg_result *result,
                                   enum reason missing, size_t *ret_length)
{
    if (!session_call_answered(call, result, "the session cannot be checked now"))
        return NULL;
    const char *json =
        pg_result_rows(result) == 1 ? pg_result_text(result, 0, 0, ret_length) : NULL;
    if (!json)
        http_problem(call->request, missing, NULL, NULL);
    return json;
}

void session_call_publish(struct session_call *call, const struct pg_result *result)
{
    size_t length = 0;
    const char *feeds = pg_result_text(result, 0, 1, &length);
    feeds_publish(call->ingest->publisher, feeds, length);
}

void session_call_opened(struct session_call *call, const struct pg_result *result,
                         enum reason missing)
{
    size_t length = 0;
    const char *json = session_call_principal(call, result, missing, &length);
    if (!json)
        return;
    session_call_publish(call, result);
    buffer_append(&call->request->reply.body, json, length);
    session_cookie_set(call->ingest, call->request, call->secret,
                       call->ingest->settings.session_ttl / 1000);
    http_request_answer(call->request, 200, JSON_TYPE);
}
