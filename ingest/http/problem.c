#include "ingest/http/problem.h"

#include <string.h>

static void member(struct buffer *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buffer_append_text(out, ",\"");
    buffer_append_text(out, name);
    buffer_append_text(out, "\":");
    buffer_append_json_string(out, value, strlen(value));
}

void problem_begin(struct http_request *request, enum reason reason, const char *detail,
                   const char *field)
{
    struct buffer *out = &request->reply.body;
    buffer_clear(out);
    buffer_printf(out, "{\"type\":\"urn:metrics-hub:problem:%s\",\"title\":\"%s\",\"status\":%d",
                  reason_text(reason), reason_title(reason), reason_status(reason));
    member(out, "reason", reason_text(reason));
    member(out, "detail", detail);
    member(out, "field", field);
    member(out, "request_id", request->id);
}

static bool about_credentials(enum reason reason)
{
    return reason == REASON_KEY_INVALID || reason == REASON_KEY_EXPIRED ||
           reason == REASON_KEY_REVOKED || reason == REASON_TOKEN_INVALID ||
           reason == REASON_TOKEN_EXPIRED;
}

void problem_send(struct http_request *request, enum reason reason)
{
    request->reply.reason = reason;
    if (reason == REASON_UNAUTHORIZED || reason == REASON_TOKEN_REQUIRED)
        http_reply_header(request, "WWW-Authenticate", "Bearer realm=\"metrics-hub\"");
    else if (about_credentials(reason))
        http_reply_header(request, "WWW-Authenticate",
                          "Bearer realm=\"metrics-hub\", error=\"invalid_token\"");
    else if (reason == REASON_UNAVAILABLE)
        http_reply_header(request, "Retry-After", "2");
    http_reply_header(request, "Cache-Control", "no-store");
    http_request_answer(request, reason_status(reason), PROBLEM_TYPE);
}

void http_problem(struct http_request *request, enum reason reason, const char *detail,
                  const char *field)
{
    problem_begin(request, reason, detail, field);
    buffer_append_text(&request->reply.body, "}");
    problem_send(request, reason);
}

/* Reasons that only Postgres gives. */
static const struct {
    const char *reason, *title;
} access_reasons[] = {
    {"required", "A required field is missing"}, {"forbidden", "Not allowed"},
    {"too_short", "A field is too short"},       {"invalid_csv", "Not a valid table"},
    {"code_invalid", "The code is not right"},   {"step_up", "Confirm who you are first"},
    {"last_owner", "The last owner stays"},
};

static const char *status_title(int status)
{
    switch (status) {
    case 401:
        return "Sign in first";
    case 403:
        return "Not allowed";
    case 404:
        return "Nothing is here";
    case 409:
        return "In conflict with what is there";
    default:
        return status < 500 ? "The request cannot be carried out" : "Internal error";
    }
}

static const char *title_of(const char *reason, int status)
{
    for (size_t i = 0; i < ARRAY_LENGTH(access_reasons); i++)
        if (strcmp(access_reasons[i].reason, reason) == 0)
            return access_reasons[i].title;
    for (int i = 0; i < REASON_COUNT; i++)
        if (strcmp(reason_text((enum reason)i), reason) == 0)
            return reason_title((enum reason)i);
    return status_title(status);
}

static bool is_reason(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    return length > 0 && length <= 40 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

void http_problem_of(struct http_request *request, int status, const char *reason,
                     const char *detail, const char *field)
{
    struct buffer *out = &request->reply.body;
    if (status < 400 || status > 599 || !is_reason(reason)) {
        http_problem(request, REASON_INTERNAL, NULL, NULL);
        return;
    }
    if (strcmp(reason, "sign_in") == 0)
        reason = reason_text(REASON_SIGN_IN);
    buffer_clear(out);
    buffer_printf(out, "{\"type\":\"urn:metrics-hub:problem:%s\",\"title\":", reason);
    const char *title = title_of(reason, status);
    buffer_append_json_string(out, title, strlen(title));
    buffer_printf(out, ",\"status\":%d", status);
    member(out, "reason", reason);
    member(out, "detail", detail);
    member(out, "field", field);
    member(out, "request_id", request->id);
    buffer_append_text(out, "}");
    http_reply_header(request, "Cache-Control", "no-store");
    http_request_answer(request, status, PROBLEM_TYPE);
}

void reply_retry_after(struct http_request *request, int64_t wait_ms)
{
    http_reply_header(
        request, "Retry-After",
        arena_printf(&request->arena, "%lld",
                     (long long)((wait_ms + 999) / 1000 > 0 ? (wait_ms + 999) / 1000 : 1)));
}
