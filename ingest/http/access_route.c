#include "ingest/http/access_route.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ingest/http/access_fresh.h"
#include "ingest/http/access_query.h"
#include "ingest/http/access_routes.h"
#include "ingest/http/credentials.h"
#include "ingest/http/csv_table.h"
#include "ingest/http/key_rate.h"
#include "ingest/http/problem.h"
#include "ingest/http/session_cookie.h"
#include "ingest/ingest.h"
#include "ingest/publish/feeds.h"
#include "shared/base/log.h"
#include "shared/base/time.h"

#define QUERY_TIMEOUT_MS 10000
#define IMPORT_TIMEOUT_MS 30000
#define ID_BYTES 12u

enum param { ROUTE, ASKER, REQUEST_ID, ADDRESS, TARGET, QUERY, BODY, FRESH, PARAM_COUNT };
enum column { STATUS, REASON, DETAIL, FIELD, ANSWER, FEEDS };

#define STATEMENT(function, asker)                                                                 \
    "SELECT status, reason, detail, field, body, feeds FROM api." function "($1, $2" asker         \
    ", $3, $4, $5, $6::jsonb, $7::jsonb, $8::jsonb)"

/* In the request's arena, which lives until the answer, since the request is suspended. */
struct access_call {
    struct ingest *ingest;
    struct http_request *request;
    unsigned char session_hash[SECRET_HASH_BYTES];
    struct access_fresh secrets;
    json_t *query, *body, *fresh;
    const char *target;
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
    access_fresh_wipe(&call->secrets);
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

/* Whether the answer went out as CSV, as was asked. */
static bool answer_csv(struct access_call *call, const char *text, size_t length)
{
    struct http_request *request = call->request;
    const char *format = json_string_value(json_object_get(call->query, "format"));
    if (request->method != HTTP_GET || !format || strcmp(format, "csv") != 0)
        return false;
    json_t *root = json_loadb(text, length, 0, NULL);
    const json_t *items = json_object_get(root, "items");
    const char *next = json_string_value(json_object_get(root, "next"));
    bool is_list = json_is_array(items);
    if (is_list) {
        csv_table_write(items, &request->reply.body);
        http_reply_header(
            request, "Content-Disposition",
            arena_printf(&request->arena, "attachment; filename=\"%s.csv\"", request->route->name));
        if (next)
            http_reply_header(request, "X-Next", arena_printf(&request->arena, "%s", next));
        http_request_answer(request, 200, "text/csv; charset=utf-8");
    }
    json_decref(root);
    return is_list;
}

static void answer_json(struct access_call *call, const char *text, size_t length)
{
    struct http_request *request = call->request;
    unsigned flags = request->route->flags;
    struct buffer *out = &request->reply.body;
    if (!(flags & (ACCESS_NEW_KEY | ACCESS_NEW_TOKEN))) {
        buffer_append(out, text, length);
    } else if (!access_fresh_show(&call->secrets, text, length, !(flags & ACCESS_COOKIE), out)) {
        log_error("the answer of %s, request %s, is no object", request->route->name, request->id);
        http_problem(request, REASON_INTERNAL, NULL, NULL);
        return;
    }
    http_request_answer(request, 200, JSON_TYPE);
}

/* The browser's session is the one of the new token from now on, or none. */
static void change_cookie(struct access_call *call, const char *text, size_t length)
{
    json_t *root = text ? json_loadb(text, length, 0, NULL) : NULL;
    if (json_is_false(json_object_get(root, "signed_in")))
        session_cookie_set(call->ingest, call->request, "", 0);
    else
        session_cookie_set(call->ingest, call->request, call->secrets.token,
                           call->ingest->settings.session_ttl / 1000);
    json_decref(root);
}

static void answer(struct access_call *call, const struct pg_result *result)
{
    size_t length = 0;
    const char *text = pg_result_text(result, 0, ANSWER, &length);
    if (call->request->route->flags & ACCESS_COOKIE)
        change_cookie(call, text, length);
    if (!text)
        http_request_answer(call->request, 204, NULL);
    else if (!answer_csv(call, text, length))
        answer_json(call, text, length);
}

static void on_result(void *owner, const struct pg_result *result)
{
    struct access_call *call = owner;
    size_t length = 0;
    if (!call_succeeded(call, result))
        return;
    const char *feeds = pg_result_text(result, 0, FEEDS, &length);
    feeds_publish(call->ingest->publisher, feeds, length);
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

/* Whoever asks by an API key reads for its partner. */
static struct pg_param asker(struct access_call *call)
{
    const struct key *key = call->request->key;
    return key ? text_param(arena_i64(&call->request->arena, key->key_id))
               : secret_hash_param(call->session_hash);
}

static void ask(struct access_call *call)
{
    struct http_request *request = call->request;
    const json_t *const objects[] = {call->query, call->body, call->fresh};
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++)
        call->texts[i] = objects[i] ? json_dumps(objects[i], JSON_COMPACT) : NULL;
    call->params[ROUTE] = text_param(request->route->name);
    call->params[ASKER] = asker(call);
    call->params[REQUEST_ID] = text_param(request->id);
    call->params[ADDRESS] = text_param(request->address);
    call->params[TARGET] = text_param(call->target);
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++)
        call->params[QUERY + i] = text_param(call->texts[i]);
    struct pg_query query = {
        .name = request->key ? "key_request" : "request",
        .statement = request->key ? STATEMENT("key_request", "::int") : STATEMENT("request", ""),
        .params = call->params,
        .param_count = PARAM_COUNT,
        .on_result = on_result,
        .owner = call,
        .timeout_ms = request->route->flags & ACCESS_CSV ? IMPORT_TIMEOUT_MS : QUERY_TIMEOUT_MS,
    };
    int error = pg_pool_query(call->ingest->access, &query);
    if (error)
        http_problem(request, REASON_UNAVAILABLE,
                     error == -ENOBUFS ? "too many requests wait for the database"
                                       : "the database is not reachable",
                     NULL);
}

/* ---- What is found out or made before -------------------------------------------------------- */

static void on_hashed(void *owner, int error, const char *hash)
{
    struct access_call *call = owner;
    if (error) {
        http_problem(call->request, REASON_UNAVAILABLE, "the password cannot be set now", NULL);
        return;
    }
    json_object_set_new(call->fresh, "password_hash", json_string(hash));
    ask(call);
}

/* The password leaves the body, and memory. */
static void hash_password(struct access_call *call)
{
    json_t *value = json_object_get(call->body, "password");
    char *password = (char *)(uintptr_t)json_string_value(value);
    int error = password_check(password);
    if (error) {
        http_problem_of(call->request, 400, error == -E2BIG ? "too_long" : "too_short",
                        PASSWORD_RULE, "password");
        return;
    }
    error = passwords_hash(call->ingest->passwords, password, on_hashed, call);
    sodium_memzero(password, strlen(password));
    sodium_memzero(call->request->body.data, call->request->body.length);
    json_object_del(call->body, "password");
    if (error)
        http_problem(call->request, REASON_UNAVAILABLE, "too many passwords at a time", NULL);
}

static void on_credentials(void *owner, const struct pg_result *result)
{
    struct access_call *call = owner;
    struct credentials credentials;
    const char *code = json_string_value(json_object_get(call->body, "code"));
    if (pg_result_failure(result) != PG_OK) {
        http_problem(call->request, REASON_UNAVAILABLE, "the code cannot be checked now", NULL);
        return;
    }
    bool found = credentials_read(result, &call->request->arena, &credentials);
    int64_t step = found && code ? credentials_code_step(&credentials, code) : -EACCES;
    if (step >= 0)
        json_object_set_new(call->fresh, "totp_step", json_integer(step));
    sodium_memzero(&credentials, sizeof(credentials));
    ask(call);
}

static void check_code(struct access_call *call)
{
    call->params[0] = secret_hash_param(call->session_hash);
    struct pg_query query = {
        .name = "credentials_of",
        .statement = "SELECT " CREDENTIALS_COLUMNS " FROM api.credentials_of($1)",
        .params = call->params,
        .param_count = 1,
        .on_result = on_credentials,
        .owner = call,
        .timeout_ms = QUERY_TIMEOUT_MS,
    };
    if (pg_pool_query(call->ingest->control, &query))
        http_problem(call->request, REASON_UNAVAILABLE, "the database is not reachable", NULL);
}

static void prepare(struct access_call *call)
{
    unsigned flags = call->request->route->flags;
    call->fresh = json_object();
    if (flags & ACCESS_NEW_KEY)
        access_fresh_key(&call->secrets, call->fresh);
    if (flags & ACCESS_NEW_TOKEN)
        access_fresh_token(&call->secrets, call->fresh);
    if (flags & ACCESS_STUCK_AFTER)
        json_object_set_new(call->fresh, "stuck_after_ms",
                            json_integer(call->ingest->settings.stuck_after));
    if (flags & ACCESS_PASSWORD && json_is_string(json_object_get(call->body, "password")))
        hash_password(call);
    else if (flags & ACCESS_CODE)
        check_code(call);
    else
        ask(call);
}

/* ---- What the request brings ----------------------------------------------------------------- */

static bool is_csv(const struct http_request *request)
{
    const char *type = http_request_header(request, "Content-Type");
    return request->route->flags & ACCESS_CSV && type && strncasecmp(type, "text/csv", 8) == 0;
}

/* False with the request answered. */
static bool take_csv(struct access_call *call)
{
    struct http_request *request = call->request;
    const char *detail = NULL;
    json_t *rows =
        csv_table_read(request->body.data, request->body.length, &request->arena, &detail);
    if (rows)
        call->body = json_pack("{s:o}", "rows", rows);
    else
        http_problem_of(request, 400, "invalid_csv", detail, NULL);
    return call->body != NULL;
}

/* False with the request answered. */
static bool take_body(struct access_call *call)
{
    struct http_request *request = call->request;
    if (request->method == HTTP_GET || request->body.length == 0)
        return true;
    if (is_csv(request))
        return take_csv(call);
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
    call->target = request->route->flags & ACCESS_TARGET_ID
                       ? json_string_value(json_object_get(call->query, "id"))
                       : request->segment;
    if (call->query)
        return true;
    http_problem(request, REASON_BAD_REQUEST, "each parameter once, in UTF-8", field);
    return false;
}

/* What costs much, or could be tried until it is right. False with the request answered. */
static bool may_try(struct access_call *call)
{
    struct http_request *request = call->request;
    int64_t wait_ms = 0;
    if (!(request->route->flags & (ACCESS_PASSWORD | ACCESS_CODE)) ||
        rate_table_take(call->ingest->sign_ins, request->address, time_monotonic_us(), &wait_ms))
        return true;
    reply_retry_after(request, wait_ms);
    http_problem(request, REASON_RATE_LIMITED, "too many of these from this address", NULL);
    return false;
}

static void take_session(struct access_call *call)
{
    struct http_request *request = call->request;
    if (request->method != HTTP_GET && !session_origin_allowed(call->ingest, request))
        http_problem(request, REASON_ORIGIN, NULL, NULL);
    else if (!session_cookie_hash(request, call->session_hash))
        http_problem(request, REASON_SIGN_IN, NULL, NULL);
    else if (may_try(call) && take_query(call) && take_body(call))
        prepare(call);
}

void access_request(struct ingest *ingest, struct http_request *request)
{
    struct access_call *call = call_new(ingest, request);
    if (!request->key)
        take_session(call);
    else if (key_take_rate(ingest, request, 1) && take_query(call))
        prepare(call);
}
