#include "ingest/http/problem.h"

#include <string.h>

static void member(struct buffer *out, const char *name, const char *value)
{
    if (!value)
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

void reply_retry_after(struct http_request *request, int64_t wait_ms)
{
    http_reply_header(
        request, "Retry-After",
        arena_printf(&request->arena, "%lld",
                     (long long)((wait_ms + 999) / 1000 > 0 ? (wait_ms + 999) / 1000 : 1)));
}
