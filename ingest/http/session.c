#include "ingest/http/session.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/identity_sign_in.h"
#include "ingest/http/problem.h"
#include "ingest/http/session_call.h"
#include "ingest/http/sign_in.h"
#include "ingest/ingest.h"
#include "shared/access/principal_json.h"
#include "shared/access/token.h"
#include "shared/base/log.h"
#include "shared/base/time.h"

#define LINK_MAX 128u

static void on_opened(void *owner, const struct pg_result *result)
{
    session_call_opened(owner, result, REASON_LINK_INVALID);
}

static void sign_in_by_link(struct session_call *call, const char *link)
{
    secret_hash(link, call->token_hash);
    session_call_begin(call);
    call->params[0] = secret_hash_param(call->token_hash);
    call->params[1] = secret_hash_param(call->session_hash);
    call->params[2] = session_text(call->ttl);
    call->params[3] = session_text(call->request->address);
    call->params[4] = session_text(call->agent);
    session_call_run(call, "session_open",
                     "SELECT principal, " SESSION_FEEDS
                     " FROM api.session_open($1, $2, $3::int, $4, $5) principal",
                     5, on_opened);
}

void session_post(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = session_call_new(ingest, request);
    json_t *body = session_call_may_try(call) ? session_call_body(call) : NULL;
    if (!body)
        return;
    const char *link = json_string_value(json_object_get(body, "link"));
    if (link && strlen(link) > 0 && strlen(link) <= LINK_MAX)
        sign_in_by_link(call, link);
    else if (json_object_get(body, "email"))
        sign_in_by_password(call, body);
    else if (json_object_get(body, "id_token"))
        sign_in_by_identity(call, body);
    else
        http_problem(request, REASON_BAD_REQUEST,
                     "expected {\"link\":\"…\"}, {\"email\":\"…\",\"password\":\"…\"} or "
                     "{\"id_token\":\"…\"}",
                     "link");
    session_call_forget(call, body);
}

static void on_principal(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    size_t length = 0;
    const char *json = session_call_principal(call, result, REASON_SIGN_IN, &length);
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
    session_call_run(call, "session_principal", "SELECT api.session_principal($1)", 1, on_result);
}

void session_get(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = session_call_new(ingest, request);
    if (session_call_take_cookie(call))
        ask_principal(call, on_principal);
}

static void on_deleted(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    if (!session_call_answered(call, result, "the session is still open"))
        return;
    session_call_publish(call, result);
    session_cookie_set(call->ingest, call->request, "", 0);
    http_request_answer(call->request, 204, NULL);
}

void session_delete(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = session_call_new(ingest, request);
    if (!session_origin_allowed(ingest, request)) {
        http_problem(request, REASON_ORIGIN, NULL, NULL);
        return;
    }
    if (!session_call_take_cookie(call))
        return;
    call->params[0] = secret_hash_param(call->session_hash);
    session_call_run(call, "session_close",
                     "SELECT done, " SESSION_FEEDS " FROM api.session_close($1) done", 1,
                     on_deleted);
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
    const char *json = session_call_principal(call, result, REASON_SIGN_IN, &length);
    if (!json)
        return;
    if (session_principal_parse(json, length, &principal)) {
        log_error("session principal has an unexpected form");
        http_problem(call->request, REASON_INTERNAL, NULL, NULL);
        return;
    }
    if (!principal.is_staff && principal.partner_count == 0) {
        http_problem(call->request, REASON_NO_WORKSPACE, NULL, NULL);
        return;
    }
    reply_token(call, &principal);
}

void session_token(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = session_call_new(ingest, request);
    if (!session_origin_allowed(ingest, request))
        http_problem(request, REASON_ORIGIN, NULL, NULL);
    else if (session_call_take_cookie(call))
        ask_principal(call, on_token_principal);
}
