/* The few plain HTTP pages of the hub: /healthz, /readyz, /metrics. Only their content. */
#ifndef MH_HUB_HTTP_H
#define MH_HUB_HTTP_H

#include "hub/feed/feeds.h"
#include "hub/session/sessions.h"
#include "shared/base/buffer.h"

/* name, status, reason, title */
#define HTTP_PROBLEM_TABLE(X)                                                                      \
    X(TOKEN_REQUIRED, 401, "token_required", "A session token is required")                        \
    X(TOKEN_INVALID, 401, "token_invalid", "The session token is not valid")                       \
    X(TOKEN_EXPIRED, 401, "token_expired", "The session token has expired")                        \
    X(ORIGIN, 403, "origin_not_allowed", "The request came from another site")                     \
    X(NOT_FOUND, 404, "not_found", "Nothing is here")                                              \
    X(METHOD, 405, "method_not_allowed", "Method not allowed")                                     \
    X(UNAVAILABLE, 503, "unavailable", "Temporarily unavailable")

enum http_problem {
    HTTP_PROBLEM_NONE = -1,
#define X(name, status, reason, title) HTTP_PROBLEM_##name,
    HTTP_PROBLEM_TABLE(X)
#undef X
};

struct http_answer {
    unsigned status;
    const char *content_type;
    const char *header, *value; /* one more header, static, or NULL */
    bool closes;                /* the connection, afterwards */
    struct buffer body;
};

/* `path` without a query. The body is freed by the caller. */
void http_answer(const struct sessions *sessions, const struct feeds *feeds, const char *path,
                 struct http_answer *ret_answer);

/* RFC 9457, as ingest answers. */
void http_problem(enum http_problem problem, struct http_answer *ret_answer);

#endif
