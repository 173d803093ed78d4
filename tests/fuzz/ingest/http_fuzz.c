/* One connection of the real server, its bytes cut in two ways: the same requests must come to the
 * handler and the same replies go out, and nothing must be left when it ends. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/http/reply.h"
#include "ingest/http/server_internal.h"
#include "shared/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BODY 300
#define MAX_HEADER 2000
/* The first bytes of the socket's buffer are enough: nothing may wait for the client to read. */
#define MAX_BYTES ((size_t)8000)

static uv_loop_t loop;
static struct http_server *server;
static struct http_request *blocked; /* by on_header, for a turn */
static struct http_request *waiting; /* answered a turn later */
static struct buffer seen;           /* what the handler saw */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool on_each_header(void *owner, const char *name, const char *value)
{
    (void)owner;
    require(*name && !strpbrk(name, " \t\r\n:"));
    require(!strpbrk(value, "\r\n"));
    buffer_printf(&seen, "%s: %s\n", name, value);
    return true;
}

static void on_header(void *owner, struct http_request *request)
{
    (void)owner;
    require(*request->path == '/' || strcmp(request->path, "*") == 0);
    buffer_printf(&seen, "%d %s ? %s\n", (int)request->method, request->path, request->query);
    http_request_each_header(request, on_each_header, NULL);
    if (strcmp(request->path, "/block") == 0) {
        http_request_block(request);
        blocked = request;
    } else if (strcmp(request->path, "/early") == 0) {
        http_request_answer(request, 401, NULL);
    }
}

static void on_request(void *owner, struct http_request *request)
{
    (void)owner;
    require(request->body.length <= MAX_BODY);
    buffer_append(&seen, request->body.data, request->body.length);
    buffer_append_text(&seen, "\n");
    if (strcmp(request->path, "/later") == 0)
        waiting = request;
    else
        http_request_answer(request, 200, "text/plain");
}

static void on_refused(void *owner, struct http_request *request, enum reason reason)
{
    (void)owner;
    /* Which fault of a head is found first depends on the cut. */
    if (reason == REASON_HEADER_TOO_LARGE)
        reason = REASON_BAD_REQUEST;
    buffer_printf(&seen, "refused %d\n", (int)reason);
    http_request_answer(request, reason_status(reason), NULL);
}

static void on_done(void *owner, struct http_request *request)
{
    (void)owner;
    if (request == blocked)
        blocked = NULL;
    if (request == waiting)
        waiting = NULL;
}

static void set_up(void)
{
    const struct http_server_options options = {
        .listen = "127.0.0.1:0",
        .max_connections = 4,
        .max_header = MAX_HEADER,
        .limits = {.max_body = MAX_BODY,
                   .max_memory = 100000,
                   .header_timeout_ms = 60000,
                   .body_timeout_ms = 60000,
                   .idle_timeout_ms = 60000},
        .on_header = on_header,
        .on_request = on_request,
        .on_refused = on_refused,
        .on_done = on_done,
    };
    int port;
    require(uv_loop_init(&loop) == 0);
    require(http_server_open(&loop, &options, &server, &port) == 0);
    require(http_server_listen(server) == 0);
}

static void take_replies(int descriptor, struct buffer *replies)
{
    ssize_t length;
    while ((length = recv(descriptor, buffer_reserve(replies, 4096), 4096, MSG_DONTWAIT)) > 0)
        replies->length += (size_t)length;
}

/* Until nothing is on its way but what the client has yet to send. */
static void settle(int descriptor, struct buffer *replies)
{
    bool again = true;
    while (again) {
        struct http_request *later = waiting, *decided = blocked;
        size_t before = replies->length + seen.length;
        waiting = blocked = NULL;
        if (decided)
            http_request_unblock(decided);
        if (later)
            http_request_answer(later, 200, "text/plain");
        uv_run(&loop, UV_RUN_NOWAIT);
        take_replies(descriptor, replies);
        again = later || decided || waiting || blocked || before != replies->length + seen.length;
    }
}

/* The time must not count. */
static void forget_dates(struct buffer *replies)
{
    static const char name[] = "\r\nDate: ";
    char *at = replies->data, *end = at + replies->length;
    while (at < end && (at = memmem(at, (size_t)(end - at), name, sizeof(name) - 1))) {
        at += sizeof(name) - 1;
        memset(at, 'x', strcspn(at, "\r"));
    }
}

/* Replies, and then what was seen. */
static struct buffer converse(const char *bytes, size_t size, size_t step)
{
    struct buffer replies = BUFFER_INIT;
    int pair[2];
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    buffer_clear(&seen);
    http_connection_open(server, pair[0]);
    for (size_t at = 0; at < size; at += step) {
        size_t length = size - at < step ? size - at : step;
        if (send(pair[1], bytes + at, length, MSG_NOSIGNAL) < 0)
            break;
        settle(pair[1], &replies);
    }
    shutdown(pair[1], SHUT_WR);
    settle(pair[1], &replies);
    while (server->connection_count) {
        uv_run(&loop, UV_RUN_NOWAIT);
        take_replies(pair[1], &replies);
    }
    close(pair[1]);
    uv_run(&loop, UV_RUN_NOWAIT);
    require(server->request_count == 0 && server->body_memory == 0);
    buffer_append(&replies, "", 1);
    forget_dates(&replies);
    buffer_append(&replies, seen.data, seen.length);
    return replies;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > MAX_BYTES)
        return 0;
    if (!server)
        set_up();
    size_t step = 1 + size % 64;
    /* A cut into single bytes takes a turn of the loop for each. */
    if (size / step > 200)
        step = size / 200;
    const char *text = (const char *)data;
    struct buffer whole = converse(text, size, MAX_BYTES);
    struct buffer parts = converse(text, size, step);
    require(whole.length == parts.length &&
            (whole.length == 0 || memcmp(whole.data, parts.data, whole.length) == 0));
    buffer_done(&whole);
    buffer_done(&parts);
    return 0;
}
