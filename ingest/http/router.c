#include "ingest/http/router.h"

#include <string.h>

#include "ingest/http/events_route.h"
#include "ingest/http/health.h"
#include "ingest/http/problem.h"
#include "ingest/http/session.h"
#include "ingest/ingest.h"
#include "shared/base/time.h"

/* As nginx counts a client that closed before its answer. */
#define STATUS_CLIENT_GONE 499

static const struct route routes[] = {
    {HTTP_POST, "/v1/events", KEY_SCOPE_EVENTS_WRITE, false, events_post},
    {HTTP_POST, "/api/partner/track", KEY_SCOPE_EVENTS_WRITE, true, events_post},
    {HTTP_POST, "/v1/session", 0, false, session_post},
    {HTTP_GET, "/v1/session", 0, false, session_get},
    {HTTP_DELETE, "/v1/session", 0, false, session_delete},
    {HTTP_POST, "/v1/token", 0, false, session_token},
    {HTTP_GET, "/healthz", 0, false, health_alive},
    {HTTP_GET, "/readyz", 0, false, health_ready},
    {HTTP_GET, "/metrics", 0, false, health_metrics},
    {HTTP_GET, "/openapi.json", 0, false, health_openapi},
};

static const char *const method_names[] = {
    [HTTP_GET] = "GET, HEAD", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE", [HTTP_OTHER] = ""};

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* No route: a file of the web client, a wrong method, or nothing. */
static void no_route(struct ingest *ingest, struct http_request *request)
{
    const char *allowed = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(routes); i++) {
        if (strcmp(routes[i].path, request->path) != 0)
            continue;
        const char *name = method_names[routes[i].method];
        allowed = allowed ? arena_printf(&request->arena, "%s, %s", allowed, name) : name;
    }
    bool api = has_prefix(request->path, "/v1/") || has_prefix(request->path, "/api/");
    if (!allowed && !api && request->method == HTTP_GET && files_answer(ingest->files, request))
        return;
    if (!allowed && (api || request->method == HTTP_GET)) {
        http_problem(request, REASON_NOT_FOUND, NULL, NULL);
        return;
    }
    http_reply_header(request, "Allow", allowed ? allowed : "GET, HEAD");
    http_problem(request, REASON_METHOD, NULL, NULL);
}

void router_on_header(void *owner, struct http_request *request)
{
    struct ingest *ingest = owner;
    if (ingest->closing_parts) {
        http_problem(request, REASON_UNAVAILABLE, "the process is ending", NULL);
        return;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(routes); i++) {
        if (routes[i].method != request->method || strcmp(routes[i].path, request->path) != 0)
            continue;
        request->route = &routes[i];
        if (routes[i].key_scopes)
            keys_authenticate(ingest->keys, request, routes[i].key_scopes);
        return;
    }
    no_route(ingest, request);
}

void router_on_request(void *owner, struct http_request *request)
{
    struct ingest *ingest = owner;
    if (ingest->closing_parts)
        http_problem(request, REASON_UNAVAILABLE, "the process is ending", NULL);
    else
        request->route->handle(ingest, request);
}

void router_on_done(void *owner, struct http_request *request)
{
    struct ingest *ingest = owner;
    int64_t latency_us = time_monotonic_us() - request->started_us;
    int status = request->answered ? request->reply.status : STATUS_CLIENT_GONE;
    if (status < COUNTERS_STATUSES)
        ingest->counters.responses[status]++;
    prometheus_observe(&ingest->counters.request_seconds, (double)latency_us * 1e-6);
    if (request->key && ingest->request_log) {
        struct request_record record = {
            .key_id = request->key->key_id,
            .partner_id = request->key->partner_id,
            .route = request->route->path,
            .status = status,
            .latency_us = latency_us,
            .bytes = (int64_t)request->bytes,
        };
        request_log_add(ingest->request_log, &record);
    }
    key_unref(request->key);
    request->key = NULL;
}

void router_on_refused(void *owner, struct http_request *request, enum reason reason)
{
    events_limit_headers(owner, request);
    http_problem(request, reason,
                 reason == REASON_BAD_REQUEST ? "Content-Length and Transfer-Encoding together"
                                              : NULL,
                 NULL);
}
