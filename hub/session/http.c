#include "hub/session/http.h"

#include <string.h>

#include "shared/base/time.h"

#define JSON_TYPE "application/json"

static const char *text_of(bool value)
{
    return value ? "true" : "false";
}

static void append_link(struct buffer *out, const char *name, int64_t down_since_us)
{
    char since[TIME_RFC3339_SIZE];
    buffer_printf(out, ",\"%s\":{\"up\":%s", name, text_of(!down_since_us));
    if (down_since_us) {
        time_format_rfc3339(down_since_us, since);
        buffer_printf(out, ",\"degraded_since\":\"%s\"", since);
    }
    buffer_append_text(out, "}");
}

/* Without Redis everything still arrives, a second later: ready, but said. */
static void answer_ready(const struct sessions *sessions, const struct feeds *feeds,
                         struct http_answer *answer)
{
    bool ready = !feeds->postgres_down_since_us && !sessions->draining;
    answer->status = ready ? 200 : 503;
    buffer_printf(&answer->body, "{\"ready\":%s,\"draining\":%s", text_of(ready),
                  text_of(sessions->draining));
    append_link(&answer->body, "postgres", feeds->postgres_down_since_us);
    append_link(&answer->body, "redis", feeds->redis_down_since_us);
    buffer_append_text(&answer->body, "}\n");
}

static const struct {
    unsigned status;
    const char *reason, *title;
} problems[] = {
#define X(name, status, reason, title) {status, reason, title},
    HTTP_PROBLEM_TABLE(X)
#undef X
};

void http_problem(enum http_problem problem, struct http_answer *ret_answer)
{
    unsigned status = problems[problem].status;
    *ret_answer =
        (struct http_answer){.status = status, .content_type = "application/problem+json"};
    if (status == 401) {
        ret_answer->header = "www-authenticate:";
        ret_answer->value = problem == HTTP_PROBLEM_TOKEN_REQUIRED
                                ? "Bearer realm=\"metrics-hub\""
                                : "Bearer realm=\"metrics-hub\", error=\"invalid_token\"";
    } else if (status == 405) {
        ret_answer->header = "allow:";
        ret_answer->value = "GET";
    } else if (status == 503) {
        ret_answer->header = "retry-after:";
        ret_answer->value = "2";
    }
    buffer_printf(&ret_answer->body,
                  "{\"type\":\"urn:metrics-hub:problem:%s\",\"title\":\"%s\",\"status\":%u,"
                  "\"reason\":\"%s\"}\n",
                  problems[problem].reason, problems[problem].title, status,
                  problems[problem].reason);
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
        hub_stats_write(sessions->workers, &ret_answer->body);
    } else {
        http_problem(HTTP_PROBLEM_NOT_FOUND, ret_answer);
    }
}
