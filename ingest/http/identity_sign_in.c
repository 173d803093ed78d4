#include "ingest/http/identity_sign_in.h"

#include <string.h>

#include "ingest/http/problem.h"
#include "ingest/ingest.h"
#include "shared/base/log.h"
#include "shared/base/time.h"

#define CODE_MAX 10u
#define EXPIRY_SLACK_MS 120000 /* beyond the skew that identity_verify() allows */

static const enum reason refusals[] = {REASON_IDENTITY_USED, REASON_NO_ACCOUNT,
                                       REASON_SIGN_IN_FAILED};

static enum reason refusal_of(const struct pg_result *result)
{
    size_t length = 0;
    const char *text = pg_result_failure(result) == PG_OK && pg_result_rows(result) == 1
                           ? pg_result_text(result, 0, 2, &length)
                           : NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++)
        if (text && strcmp(text, reason_text(refusals[i])) == 0)
            return refusals[i];
    return REASON_INTERNAL;
}

static void on_opened(void *owner, const struct pg_result *result)
{
    session_call_opened(owner, result, refusal_of(result));
}

static struct pg_param optional(const char *text)
{
    return session_text(*text ? text : NULL);
}

static void open_session(struct session_call *call, int64_t step)
{
    struct arena *arena = &call->request->arena;
    const struct ingest_settings *settings = &call->ingest->settings;
    const struct identity *identity = &call->identity;
    session_call_begin(call);
    call->params[0] = session_text(settings->identity_issuer);
    call->params[1] = session_text(identity->subject);
    call->params[2] = optional(identity->email);
    call->params[3] = optional(identity->name);
    call->params[4] = session_text(settings->identity_staff ? "t" : "f");
    call->params[5] = secret_hash_param(call->token_hash);
    call->params[6] = session_text(arena_i64(arena, identity->expires_ms + EXPIRY_SLACK_MS));
    call->params[7] = session_text(identity->auth_ms ? arena_i64(arena, identity->auth_ms) : NULL);
    call->params[8] = secret_hash_param(call->session_hash);
    call->params[9] = session_text(call->ttl);
    call->params[10] = session_text(call->request->address);
    call->params[11] = session_text(call->agent);
    call->params[12] = session_text(step < 0 ? NULL : arena_i64(arena, step));
    session_call_run(call, "session_open_identity",
                     "SELECT principal, " SESSION_FEEDS ", refused"
                     " FROM api.session_open_identity($1, $2, $3, $4, $5::boolean, $6,"
                     " $7::bigint, $8::bigint, $9, $10::int, $11, $12, $13::bigint)",
                     13, on_opened);
}

static void on_credentials(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    int64_t step;
    if (!session_call_answered(call, result, "nobody can sign in now"))
        return;
    bool known = credentials_read(result, &call->request->arena, &call->credentials);
    if (known && call->code && !session_call_may_try_user(call, call->credentials.user))
        return;
    if (session_call_second_factor(call, &step))
        open_session(call, step);
}

static void ask_credentials(struct session_call *call)
{
    call->params[0] = session_text(call->ingest->settings.identity_issuer);
    call->params[1] = session_text(call->identity.subject);
    call->params[2] = optional(call->identity.email);
    call->params[3] = session_text(call->ingest->settings.identity_staff ? "t" : "f");
    session_call_run(call, "identity_credentials",
                     "SELECT " CREDENTIALS_COLUMNS
                     " FROM api.identity_credentials($1, $2, $3, $4::boolean)",
                     4, on_credentials);
}

void sign_in_by_identity(struct session_call *call, const json_t *body)
{
    static struct log_limit limit = {.interval_ms = 1000};
    const struct ingest *ingest = call->ingest;
    const char *token = json_string_value(json_object_get(body, "id_token"));
    const struct identity_expected expected = {
        .issuer = ingest->settings.identity_issuer,
        .audience = ingest->settings.identity_audience,
        .nonce = json_string_value(json_object_get(body, "nonce")),
        .now_ms = time_wall_ms(),
    };
    const char *fault = "no identity provider is set up here";
    if (ingest->identity_keys)
        fault = identity_verify(ingest->identity_keys, token ? token : "",
                                token ? strlen(token) : 0, &expected, &call->identity);
    if (fault) {
        log_limited(&limit, LOG_LEVEL_INFO, "identity token from %s refused: %s",
                    call->request->address, fault);
        http_problem(call->request, REASON_IDENTITY_INVALID, fault, "id_token");
        return;
    }
    secret_hash(token, call->token_hash);
    call->code = session_call_text(call, body, "code", CODE_MAX);
    ask_credentials(call);
}

/* The host of a URL, which is how people know the provider. */
static void append_host(struct buffer *out, const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    buffer_append_json_string(out, host, strcspn(host, "/?#"));
}

void identity_provider_get(struct ingest *ingest, struct http_request *request)
{
    const struct ingest_settings *settings = &ingest->settings;
    struct buffer *out = &request->reply.body;
    buffer_append_text(out, "{\"provider\":");
    if (*settings->identity_url) {
        buffer_append_text(out, "{\"name\":");
        append_host(out, settings->identity_url);
        buffer_append_text(out, ",\"url\":");
        buffer_append_json_string(out, settings->identity_url, strlen(settings->identity_url));
        buffer_append_text(out, ",\"client\":");
        buffer_append_json_string(out, settings->identity_audience,
                                  strlen(settings->identity_audience));
        buffer_append_text(out, "}");
    } else {
        buffer_append_text(out, "null");
    }
    buffer_append_text(out, "}");
    http_reply_header(request, "Cache-Control", "no-store");
    http_request_answer(request, 200, JSON_TYPE);
}
