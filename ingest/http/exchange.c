/* A request from its head to its end, without any socket. */
#include <string.h>
#include <strings.h>

#include "ingest/http/forwarded.h"
#include "ingest/http/reply.h"
#include "ingest/http/server_internal.h"
#include "shared/base/time.h"

/* A refused body up to this multiple of the limit is read and dropped, so that the client gets to
 * read the answer; past it the connection closes. */
#define DISCARD_FACTOR ((size_t)4)

static enum http_method method_of(const char *method)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {{"GET", HTTP_GET},       {"POST", HTTP_POST}, {"HEAD", HTTP_GET},
                   {"DELETE", HTTP_DELETE}, {"PUT", HTTP_PUT},   {"PATCH", HTTP_PATCH}};
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++)
        if (strcmp(method, methods[i].name) == 0)
            return methods[i].method;
    return HTTP_OTHER;
}

static struct http_request *request_new(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_request *request = request_pool_take(&server->requests);
    request->server = server;
    request->connection = connection;
    request->method = HTTP_OTHER;
    request->path = request->query = "";
    request->address = connection->address;
    request->started_us = time_monotonic_us();
    request->max_body = server->options.limits.max_body;
    list_init(&request->waiting);
    server->request_count++;
    connection->request = request;
    return request;
}

void exchange_refuse(struct http_request *request, enum reason reason)
{
    struct http_server *server = request->server;
    if (!request->answered)
        server->options.on_refused(server->options.owner, request, reason);
}

static bool is_chain(const struct http_header *header)
{
    return strcasecmp(header->name, "X-Forwarded-For") == 0;
}

/* The values of all of its headers, joined by commas; NULL without one. */
static const char *forwarded_chain(struct http_request *request)
{
    const struct http_header *headers = request->headers;
    size_t length = 0;
    for (unsigned i = 0; i < request->header_count; i++)
        length += is_chain(&headers[i]) ? strlen(headers[i].value) + 1 : 0;
    if (!length)
        return NULL;
    char *chain = arena_array(&request->arena, length, 1), *at = chain;
    for (unsigned i = 0; i < request->header_count; i++) {
        if (!is_chain(&headers[i]))
            continue;
        size_t size = strlen(headers[i].value);
        memcpy(at, headers[i].value, size);
        at += size;
        *at++ = ',';
    }
    at[-1] = '\0';
    return chain;
}

static const char *client_of(struct http_request *request)
{
    const struct networks *trusted = request->server->options.limits.trusted;
    const char *peer = request->connection->address;
    const char *chain = trusted ? forwarded_chain(request) : NULL;
    char *out = chain ? arena_array(&request->arena, NETWORKS_ADDRESS_SIZE, 1) : NULL;
    return forwarded_client(trusted, peer, chain, out);
}

static void take_head(struct http_request *request, const struct http_head *head)
{
    request->method = method_of(head->method);
    request->head_only = strcmp(head->method, "HEAD") == 0;
    request->old = head->old;
    request->path = head->path;
    request->query = head->query;
    request->announced = head->length;
    request->expects_continue = head->expects_continue;
    request->headers = head->headers;
    request->header_count = head->header_count;
    request->address = client_of(request);
}

/* False when nothing of the body is worth reading. */
static bool check_length(struct http_request *request, const struct http_head *head)
{
    if (head->length <= request->max_body)
        return true;
    exchange_refuse(request, REASON_BODY_TOO_LARGE);
    return head->length <= DISCARD_FACTOR * request->max_body;
}

void exchange_begin(struct http_connection *connection, enum reason reason)
{
    struct http_server *server = connection->server;
    struct http_request *request = request_new(connection);
    struct http_head head;
    connection->keep_alive = false;
    if (reason == REASON_NONE && http_decoder_head(connection->decoder, &request->arena, &head))
        reason = REASON_BAD_REQUEST;
    if (reason != REASON_NONE) {
        request->closing = true;
        exchange_refuse(request, reason);
        return;
    }
    take_head(request, &head);
    connection->keep_alive = head.keep_alive;
    request->closing = !check_length(request, &head);
    if (!request->answered)
        server->options.on_header(server->options.owner, request);
    /* A client that waits for 100-continue has sent no body that would have to be read first. */
    if (request->answered && request->expects_continue && (head.length || head.chunked))
        request->closing = true;
}

/* Makes room for `length` more bytes, or for the whole body when its length was announced; false
 * when all bodies together take too much. */
static bool body_reserve(struct http_request *request, size_t length)
{
    struct http_server *server = request->server;
    if (request->body.length == 0 && request->announced > length)
        length = (size_t)request->announced;
    size_t needed = request->body.length + length + 1;
    if (needed > request->body_memory &&
        server->body_memory + (needed - request->body_memory) > server->options.limits.max_memory)
        return false;
    buffer_reserve(&request->body, length + 1);
    server->body_memory += request->body.capacity - request->body_memory;
    request->body_memory = request->body.capacity;
    return true;
}

bool exchange_body(struct http_request *request, const char *bytes, size_t length)
{
    request->bytes += length;
    if (request->bytes > request->max_body)
        exchange_refuse(request, REASON_BODY_TOO_LARGE);
    if (!request->answered && !body_reserve(request, length))
        exchange_refuse(request, REASON_UNAVAILABLE);
    if (request->answered) {
        buffer_done(&request->body);
        return request->bytes <= DISCARD_FACTOR * request->max_body;
    }
    buffer_append(&request->body, bytes, length);
    return true;
}

void exchange_end(struct http_request *request)
{
    struct http_server *server = request->server;
    if (request->answered || request->blocked || request->complete)
        return;
    request->complete = true;
    *buffer_reserve(&request->body, 1) = '\0';
    server->options.on_request(server->options.owner, request);
}

void exchange_done(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_request *request = connection->request;
    if (!request)
        return;
    connection->request = NULL;
    list_remove(&request->waiting);
    server->options.on_done(server->options.owner, request);
    if (request->release)
        request->release(request);
    server->request_count--;
    server->body_memory -= request->body_memory;
    request_pool_give(&server->requests, request);
}

void http_request_block(struct http_request *request)
{
    request->blocked = true;
}

void http_request_unblock(struct http_request *request)
{
    request->blocked = false;
    http_server_wake(request->connection);
}

void http_request_answer(struct http_request *request, int status, const char *content_type)
{
    request->reply.status = status;
    request->reply.content_type = content_type;
    request->answered = true;
    http_request_unblock(request);
}

void http_request_answer_content(struct http_request *request, const struct http_content *content)
{
    request->reply.content = content;
    http_request_answer(request, http_content_status(content), NULL);
}
