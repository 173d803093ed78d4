#include "ingest/http/sign_in.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "ingest/http/problem.h"
#include "ingest/ingest.h"

#define EMAIL_MAX 254u
#define TOKEN_MAX 128u
#define CODE_MAX 10u
#define NAME_MAX_BYTES 480u /* of 120 characters */

/* Borrowed from the body. One that is too long is not the right one. */
static const char *password_of(const json_t *body)
{
    const char *password = json_string_value(json_object_get(body, "password"));
    return password && *password && strlen(password) <= PASSWORD_MAX_BYTES ? password : NULL;
}

static void refuse_busy(struct session_call *call)
{
    http_problem(call->request, REASON_UNAVAILABLE, "too many passwords at a time", NULL);
}

/* Answers, and returns false, unless the password was compared and is right. */
static bool password_right(struct session_call *call, int error, enum reason wrong)
{
    if (error == -EACCES)
        http_problem(call->request, wrong, NULL, NULL);
    else if (error)
        http_problem(call->request, REASON_UNAVAILABLE, "the password cannot be checked now", NULL);
    return !error;
}

/* ---- E-mail and password --------------------------------------------------------------------- */

static void on_opened(void *owner, const struct pg_result *result)
{
    session_call_opened(owner, result, REASON_SIGN_IN_FAILED);
}

static void open_session(struct session_call *call, int64_t step)
{
    session_call_begin(call);
    call->params[0] = session_text(call->credentials.user);
    call->params[1] = secret_hash_param(call->session_hash);
    call->params[2] = session_text(call->ttl);
    call->params[3] = session_text(call->request->address);
    call->params[4] = session_text(call->agent);
    call->params[5] = session_text(step < 0 ? NULL : arena_i64(&call->request->arena, step));
    session_call_run(
        call, "session_open_password",
        "SELECT principal, " SESSION_FEEDS
        " FROM api.session_open_password($1, $2, $3::int, $4, $5, $6::bigint) principal",
        6, on_opened);
}

static void on_compared(void *owner, int error, const char *hash)
{
    struct session_call *call = owner;
    (void)hash;
    int64_t step;
    if (password_right(call, error, REASON_SIGN_IN_FAILED) &&
        session_call_second_factor(call, &step))
        open_session(call, step);
}

static void on_password_of(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    if (!session_call_answered(call, result, "nobody can sign in now"))
        return;
    (void)credentials_read(result, &call->request->arena, &call->credentials);
    int error = passwords_compare(call->ingest->passwords, call->password,
                                  call->credentials.password_hash, on_compared, call);
    sodium_memzero(call->password, sizeof(call->password));
    if (error)
        refuse_busy(call);
}

void sign_in_by_password(struct session_call *call, const json_t *body)
{
    const char *email = session_call_text(call, body, "email", EMAIL_MAX);
    const char *password = password_of(body);
    if (!email || !password) {
        http_problem(call->request, email ? REASON_SIGN_IN_FAILED : REASON_BAD_REQUEST, NULL,
                     email ? NULL : "email");
        return;
    }
    if (!session_call_may_try_user(call, email))
        return;
    call->code = session_call_text(call, body, "code", CODE_MAX);
    memcpy(call->password, password, strlen(password) + 1);
    call->params[0] = session_text(email);
    session_call_run(call, "password_of", "SELECT " CREDENTIALS_COLUMNS " FROM api.password_of($1)",
                     1, on_password_of);
}

/* ---- Step-up --------------------------------------------------------------------------------- */

static void on_stepped_up(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    size_t length = 0;
    const char *json = session_call_principal(call, result, REASON_STEP_UP_FAILED, &length);
    if (!json)
        return;
    session_call_publish(call, result);
    buffer_append(&call->request->reply.body, json, length);
    http_request_answer(call->request, 200, JSON_TYPE);
}

static void step_up(struct session_call *call, int64_t step)
{
    call->params[0] = secret_hash_param(call->session_hash);
    call->params[1] = session_text(step < 0 ? NULL : arena_i64(&call->request->arena, step));
    session_call_run(call, "session_step_up",
                     "SELECT principal, " SESSION_FEEDS
                     " FROM api.session_step_up($1, $2::bigint) principal",
                     2, on_stepped_up);
}

static void on_step_up_compared(void *owner, int error, const char *hash)
{
    struct session_call *call = owner;
    (void)hash;
    if (password_right(call, error, REASON_STEP_UP_FAILED))
        step_up(call, -1);
}

static void step_up_by_code(struct session_call *call, bool enabled)
{
    int64_t step = enabled ? credentials_code_step(&call->credentials, call->code) : -EACCES;
    if (step < 0)
        http_problem(call->request, REASON_STEP_UP_FAILED, NULL, "code");
    else
        step_up(call, step);
}

static void on_credentials(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    if (!session_call_answered(call, result, "this cannot be checked now"))
        return;
    if (!credentials_read(result, &call->request->arena, &call->credentials)) {
        http_problem(call->request, REASON_SIGN_IN, NULL, NULL);
        return;
    }
    if (!session_call_may_try_user(call, call->credentials.user))
        return;
    if (call->code) {
        step_up_by_code(call, pg_result_bool(result, 0, CREDENTIALS_COLUMN_COUNT));
        return;
    }
    int error = passwords_compare(call->ingest->passwords, call->password,
                                  call->credentials.password_hash, on_step_up_compared, call);
    sodium_memzero(call->password, sizeof(call->password));
    if (error)
        refuse_busy(call);
}

void step_up_post(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = session_call_new(ingest, request);
    json_t *body = session_call_may_try(call) && session_call_take_cookie(call)
                       ? session_call_body(call)
                       : NULL;
    if (!body)
        return;
    const char *password = password_of(body);
    call->code = session_call_text(call, body, "code", CODE_MAX);
    if (!password && !call->code) {
        http_problem(request, REASON_STEP_UP_FAILED,
                     "expected {\"password\":\"…\"} or {\"code\":\"…\"}", NULL);
    } else {
        if (!call->code)
            memcpy(call->password, password, strlen(password) + 1);
        call->params[0] = secret_hash_param(call->session_hash);
        session_call_run(call, "session_credentials",
                         "SELECT " CREDENTIALS_COLUMNS ", totp_enabled FROM api.credentials_of($1)",
                         1, on_credentials);
    }
    session_call_forget(call, body);
}

/* ---- Invitations ----------------------------------------------------------------------------- */

/* Who has an account already is told to sign in, and gets no session. */
static void on_accepted(void *owner, const struct pg_result *result)
{
    struct session_call *call = owner;
    size_t length = 0;
    const char *json = session_call_principal(call, result, REASON_INVITATION_INVALID, &length);
    json_t *root = json ? json_loadb(json, length, 0, NULL) : NULL;
    if (json && !json_object_get(root, "sign_in")) {
        session_call_opened(call, result, REASON_INVITATION_INVALID);
    } else if (json) {
        session_call_publish(call, result);
        buffer_append(&call->request->reply.body, json, length);
        http_request_answer(call->request, 200, JSON_TYPE);
    }
    json_decref(root);
}

static void spend_invitation(struct session_call *call, const char *password_hash)
{
    session_call_begin(call);
    call->params[0] = secret_hash_param(call->token_hash);
    call->params[1] = secret_hash_param(call->session_hash);
    call->params[2] = session_text(call->ttl);
    call->params[3] = session_text(call->name);
    call->params[4] = session_text(password_hash);
    call->params[5] = session_text(call->request->address);
    call->params[6] = session_text(call->agent);
    session_call_run(call, "invitation_accept",
                     "SELECT principal, " SESSION_FEEDS
                     " FROM api.invitation_accept($1, $2, $3::int, $4, $5, $6, $7) principal",
                     7, on_accepted);
}

static void on_hashed(void *owner, int error, const char *hash)
{
    struct session_call *call = owner;
    if (error)
        http_problem(call->request, REASON_UNAVAILABLE, "the password cannot be set now", NULL);
    else
        spend_invitation(call, arena_text(&call->request->arena, hash, strlen(hash)).bytes);
}

static void accept_with_password(struct session_call *call, const char *password)
{
    int error = password_check(password);
    if (error)
        http_problem_of(call->request, 400, error == -E2BIG ? "too_long" : "too_short",
                        PASSWORD_RULE, "password");
    else if (passwords_hash(call->ingest->passwords, password, on_hashed, call))
        refuse_busy(call);
}

void invitation_accept_post(struct ingest *ingest, struct http_request *request)
{
    struct session_call *call = session_call_new(ingest, request);
    json_t *body = session_call_may_try(call) ? session_call_body(call) : NULL;
    if (!body)
        return;
    const char *token = session_call_text(call, body, "token", TOKEN_MAX);
    const char *password = json_string_value(json_object_get(body, "password"));
    call->name = session_call_text(call, body, "name", NAME_MAX_BYTES);
    if (token)
        secret_hash(token, call->token_hash);
    if (!token)
        http_problem(request, REASON_INVITATION_INVALID, NULL, "token");
    else if (password)
        accept_with_password(call, password);
    else
        spend_invitation(call, NULL);
    session_call_forget(call, body);
}
