#include "hub/session/http.h"

#include <string.h>

#define JSON_TYPE "application/json"

static const char *text_of(bool value)
{
    return value ? "true" : "false";
}

/* Without Redis everything still arrives, a second later: ready, but said. */
static void answer_ready(const struct sessions *sessions, const struct feeds *feeds,
                         struct http_answer *answer)
{
    bool postgres = feeds_postgres_up(feeds);
    bool ready = postgres && !sessions->draining;
    answer->status = ready ? 200 : 503;
    buffer_printf(&answer->body,
                  "{\"ready\":%s,\"postgres\":%s,\"redis\":%s,\"degraded\":%s,\"draining\":%s}\n",
                  text_of(ready), text_of(postgres), text_of(feeds->redis_up),
                  text_of(!feeds->redis_up), text_of(sessions->draining));
}

void http_answer(const struct sessions *sessions, const struct feeds *feeds, const char *path,
                 struct http_answer *ret_answer)
{
    *ret_answer = (struct http_answer){.status = 200, .content_type = JSON_TYPE};
    if (strcmp(path, "/healthz") == 0) {
        buffer_append_text(&ret_answer->body, "{\"status\":\"ok\"}\n");
    } else if (strcmp(path, "/readyz") == 0) {
        answer_ready(sessions, feeds, ret_answer);
    } else if (strcmp(path, "/metrics") == 0) {
        ret_answer->content_type = PROMETHEUS_CONTENT_TYPE;
        hub_stats_write(sessions->stats, &ret_answer->body);
    } else {
        ret_answer->status = 404;
        ret_answer->content_type = "application/problem+json";
        buffer_append_text(&ret_answer->body,
                           "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404}\n");
    }
}
