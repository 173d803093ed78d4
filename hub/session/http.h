/* The few plain HTTP pages of the hub: /healthz, /readyz, /metrics. Only their content. */
#ifndef MH_HUB_HTTP_H
#define MH_HUB_HTTP_H

#include "hub/feed/feeds.h"
#include "hub/session/sessions.h"
#include "shared/base/buffer.h"

struct http_answer {
    unsigned status;
    const char *content_type;
    struct buffer body;
};

/* `path` without a query. The body is freed by the caller. */
void http_answer(const struct sessions *sessions, const struct feeds *feeds, const char *path,
                 struct http_answer *ret_answer);

#endif
