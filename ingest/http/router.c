#include "ingest/http/router.h"

#include <string.h>

#include "ingest/http/access_routes.h"
#include "ingest/http/events_route.h"
#include "ingest/http/health.h"
#include "ingest/http/identity_sign_in.h"
#include "ingest/http/messages_route.h"
#include "ingest/http/problem.h"
#include "ingest/http/session.h"
#include "ingest/http/sign_in.h"
#include "ingest/http/token_auth.h"
#include "ingest/ingest.h"
#include "shared/base/time.h"

/* As nginx counts a client that closed before its answer. */
#define STATUS_CLIENT_GONE 499

#define EVENTS_KEY .key_scopes = KEY_SCOPE_EVENTS_WRITE

static const struct route routes[] = {
    {HTTP_POST, "/v1/events", .handle = events_post, EVENTS_KEY},
    {HTTP_POST, "/api/partner/track", .handle = events_post, EVENTS_KEY, .track = true},
    {HTTP_GET, "/v1/threads", .handle = threads_get, .token = true},
    {HTTP_POST, "/v1/threads/{}/messages", .handle = message_post, .token = true,
     .max_body = MESSAGE_MAX_REQUEST},
    {HTTP_POST, "/v1/session", .handle = session_post},
    {HTTP_GET, "/v1/session", .handle = session_get},
    {HTTP_DELETE, "/v1/session", .handle = session_delete},
    {HTTP_POST, "/v1/session/step-up", .handle = step_up_post},
    {HTTP_GET, "/v1/session/provider", .handle = identity_provider_get},
    {HTTP_POST, "/v1/invitations/accept", .handle = invitation_accept_post},
    {HTTP_POST, "/v1/token", .handle = session_token},
    {HTTP_GET, "/healthz", .handle = health_alive},
    {HTTP_GET, "/readyz", .handle = health_ready},
    {HTTP_GET, "/metrics", .handle = health_metrics},
    {HTTP_GET, "/openapi.json", .handle = health_openapi},
};

static const char *const method_names[] = {
    [HTTP_GET] = "GET, HEAD", [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH",   [HTTP_DELETE] = "DELETE", [HTTP_OTHER] = ""};

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether the path is of the form; *ret_segment is what stands for {} in it, or NULL. */
static bool path_matches(const char *form, const char *path, struct text *ret_segment)
{
    size_t same = strcspn(form, "{");
    *ret_segment = (struct text){0};
    if (!form[same])
        return strcmp(form, path) == 0;
    if (strncmp(form, path, same) != 0)
        return false;
    *ret_segment = (struct text){path + same, (uint32_t)strcspn(path + same, "/")};
    return ret_segment->length && strcmp(form + same + 2, path + same + ret_segment->length) == 0;
}

/* Adds the methods of the table's routes with this path to `methods`, one bit each. */
static unsigned methods_of(const struct route *table, size_t count, const char *path)
{
    struct text segment;
    unsigned methods = 0;
    for (size_t i = 0; i < count; i++)
        if (path_matches(table[i].path, path, &segment))
            methods |= 1u << table[i].method;
    return methods;
}

/* The value of Allow, or NULL if nothing has this path. */
static const char *allowed_methods(struct http_request *request)
{
    unsigned methods = methods_of(routes, ARRAY_LENGTH(routes), request->path) |
                       methods_of(access_routes, access_route_count, request->path);
    const char *allowed = NULL;
    for (unsigned method = 0; method < HTTP_OTHER; method++)
        if (methods & 1u << method)
            allowed = allowed
                          ? arena_printf(&request->arena, "%s, %s", allowed, method_names[method])
                          : method_names[method];
    return allowed;
}

/* No route: a file of the web client, a wrong method, or nothing. */
static void no_route(struct ingest *ingest, struct http_request *request)
{
    const char *allowed = allowed_methods(request);
    bool api = has_prefix(request->path, "/v1/") || has_prefix(request->path, "/api/") ||
               has_prefix(request->path, "/admin/");
    if (!allowed && !api && request->method == HTTP_GET && files_answer(ingest->files, request))
        return;
    if (!allowed && (api || request->method == HTTP_GET)) {
        http_problem(request, REASON_NOT_FOUND, NULL, NULL);
        return;
    }
    http_reply_header(request, "Allow", allowed ? allowed : "GET, HEAD");
    http_problem(request, REASON_METHOD, NULL, NULL);
}

static void take_route(struct ingest *ingest, struct http_request *request,
                       const struct route *route, struct text segment)
{
    request->route = route;
    if (segment.bytes)
        request->segment = arena_text(&request->arena, segment.bytes, segment.length).bytes;
    if (route->max_body && route->max_body < request->max_body)
        request->max_body = route->max_body;
    bool keyed = !(route->flags & ACCESS_OR_KEY) || http_request_bearer(request);
    if (route->key_scopes && keyed)
        keys_authenticate(ingest->keys, request, route->key_scopes);
    else if (route->token)
        token_authenticate(ingest, request);
}

static const struct route *find_route(const struct route *table, size_t count,
                                      const struct http_request *request, struct text *ret_segment)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].method == request->method &&
            path_matches(table[i].path, request->path, ret_segment))
            return &table[i];
    return NULL;
}

void router_on_header(void *owner, struct http_request *request)
{
    struct ingest *ingest = owner;
    struct text segment;
    if (ingest->closing_parts) {
        http_problem(request, REASON_UNAVAILABLE, "the process is ending", NULL);
        return;
    }
    const struct route *route = find_route(routes, ARRAY_LENGTH(routes), request, &segment);
    if (!route)
        route = find_route(access_routes, access_route_count, request, &segment);
    if (route)
        take_route(ingest, request, route, segment);
    else
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
        ingest->counters->responses[status]++;
    prometheus_observe(&ingest->counters->request_seconds, (double)latency_us * 1e-6);
    if ((request->key || request->user) && ingest->request_log) {
        struct request_record record = {
            .key_id = request->key ? request->key->key_id : 0,
            .partner_id = request->key ? request->key->partner_id : 0,
            .route = request->route->path,
            .status = status,
            .latency_us = latency_us,
            .bytes = (int64_t)request->bytes,
        };
        request_log_add(ingest->request_log, &record);
    }
    if (request->key)
        key_usage_add(ingest->key_usage, request->key, 1, 0);
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
