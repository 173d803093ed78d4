#include "ingest/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ingest/http/reply.h"
#include "ingest/http/request_pool.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"
#include "shared/loop/listener.h"

#define SWEEP_INTERVAL_MS 1000
#define LISTEN_BACKLOG 1024
/* Runs of the daemon per wake-up; then the rest of the loop gets its turn. */
#define MAX_RUNS 16
/* A refused body up to this multiple of the limit is read and dropped, so that the client gets to
 * read the answer; past it the connection closes at once. */
#define DISCARD_FACTOR ((size_t)4)
/* Beside the header, libmicrohttpd keeps its own bookkeeping and the read buffer in this memory. */
#define CONNECTION_MEMORY_EXTRA (8u * 1024u)
struct http_connection {
    struct list link;
    struct http_server *server;
    int fd;
    int64_t deadline_us; /* monotonic; 0: none */
    char address[HTTP_ADDRESS_SIZE];
};

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t again; /* the daemon has more to do than one turn allows */
    uv_timer_t sweep;
    struct list connections;
    unsigned connection_count, request_count;
    struct request_pool requests;
    size_t body_memory; /* of open requests */
    int listener;       /* -1 once drained */
    bool draining;
    unsigned open_handles;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_again(uv_timer_t *timer);

static void server_run(struct http_server *server)
{
    for (int i = 0; i < MAX_RUNS; i++) {
        MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
        if (MHD_run(server->daemon) != MHD_YES)
            return;
        /* The epoll descriptor is edge-triggered: it is silent about what is left over. */
        if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES || timeout_ms > 0)
            return;
    }
    uv_timer_start(&server->again, on_again, 0, 0);
}

static void on_again(uv_timer_t *timer)
{
    server_run(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    server_run(poll->data);
}

static void connection_deadline(struct http_connection *connection, uint64_t ms)
{
    connection->deadline_us = ms ? time_monotonic_us() + (int64_t)ms * 1000 : 0;
}

static void on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    int64_t now = time_monotonic_us();
    LIST_FOR_EACH(link, next, &server->connections)
    {
        struct http_connection *connection = LIST_ITEM(link, struct http_connection, link);
        if (connection->deadline_us && connection->deadline_us <= now) {
            connection->deadline_us = 0;
            shutdown(connection->fd, SHUT_RDWR); /* the daemon sees the end and cleans up */
        }
    }
    server_run(server);
}

static void format_address(const struct sockaddr *address, char out[HTTP_ADDRESS_SIZE])
{
    out[0] = '\0';
    if (address && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, out,
                  HTTP_ADDRESS_SIZE);
    else if (address && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out,
                  HTTP_ADDRESS_SIZE);
}

static void connection_new(struct http_server *server, struct MHD_Connection *mhd, void **context)
{
    struct http_connection *connection = memory_zalloc(sizeof(*connection));
    const union MHD_ConnectionInfo *info;
    connection->server = server;
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    connection->fd = info ? info->connect_fd : -1;
    info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    format_address(info ? info->client_addr : NULL, connection->address);
    connection_deadline(connection, server->options.header_timeout_ms);
    list_append(&server->connections, &connection->link);
    server->connection_count++;
    *context = connection;
}

static void on_connection(void *owner, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = owner;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_new(server, mhd, context);
    } else if (*context) {
        struct http_connection *connection = *context;
        list_remove(&connection->link);
        server->connection_count--;
        free(connection);
        *context = NULL;
    }
}

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

static enum http_method method_of(const char *method)
{
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
        return HTTP_GET;
    if (strcmp(method, "POST") == 0)
        return HTTP_POST;
    return strcmp(method, "DELETE") == 0 ? HTTP_DELETE : HTTP_OTHER;
}

static struct http_request *request_new(struct http_server *server, struct MHD_Connection *mhd,
                                        const char *url, const char *method)
{
    struct http_request *request = request_pool_take(&server->requests);
    struct http_connection *connection = connection_of(mhd);
    request->server = server;
    request->connection = mhd;
    request->method = method_of(method);
    request->path = url;
    request->address = connection->address;
    request->started_us = time_monotonic_us();
    request->max_body = server->options.max_body;
    list_init(&request->waiting);
    server->request_count++;
    connection_deadline(connection, server->options.body_timeout_ms);
    return request;
}

static void on_completed(void *owner, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *server = owner;
    struct http_request *request = *context;
    (void)code;
    if (!request)
        return;
    *context = NULL;
    connection_deadline(connection_of(mhd), server->options.idle_timeout_ms);
    list_remove(&request->waiting);
    server->options.on_done(server->options.owner, request);
    server->request_count--;
    server->body_memory -= request->body_memory;
    request_pool_give(&server->requests, request);
}

static void request_suspend(struct http_request *request)
{
    request->suspended = true;
    connection_deadline(connection_of(request->connection), 0);
    MHD_suspend_connection(request->connection);
}

static void request_resume(struct http_request *request)
{
    if (!request->suspended)
        return;
    request->suspended = false;
    connection_deadline(connection_of(request->connection),
                        request->server->options.body_timeout_ms);
    MHD_resume_connection(request->connection);
    /* Not every version wakes its epoll descriptor for this; many resumes share one run. */
    if (!uv_is_active((uv_handle_t *)&request->server->again))
        uv_timer_start(&request->server->again, on_again, 0, 0);
}

void http_request_block(struct http_request *request)
{
    request->blocked = true;
}

void http_request_unblock(struct http_request *request)
{
    request->blocked = false;
    request_resume(request);
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

static enum MHD_Result request_send(struct http_request *request)
{
    struct http_reply *reply = &request->reply;
    enum MHD_Result result;
    if (reply->content)
        return MHD_queue_response(request->connection, (unsigned)reply->status,
                                  http_content_response(reply->content));
    bool close_after = request->server->draining || request->closing;
    struct MHD_Response *response = reply_response(request, close_after);
    if (!response)
        return MHD_NO;
    result = MHD_queue_response(request->connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

static void refuse(struct http_request *request, enum reason reason)
{
    struct http_server *server = request->server;
    server->options.on_refused(server->options.owner, request, reason);
}

/* Reads the lengths that the header announces; false when nothing of the body is worth reading. */
static bool check_lengths(struct http_request *request)
{
    const struct http_server *server = request->server;
    const char *length_text = http_request_header(request, "Content-Length");
    const char *transfer = http_request_header(request, "Transfer-Encoding");
    unsigned long long length = length_text ? strtoull(length_text, NULL, 10) : 0;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info && info->header_size > server->options.max_header)
        refuse(request, REASON_HEADER_TOO_LARGE);
    else if (length_text && transfer) /* the two disagree about where the request ends */
        refuse(request, REASON_BAD_REQUEST);
    else if (length > request->max_body)
        refuse(request, REASON_BODY_TOO_LARGE);
    else {
        /* Memory for what is announced comes with the first byte of it. */
        return true;
    }
    request->closing = (length_text && transfer) || length > DISCARD_FACTOR * request->max_body;
    return !request->closing;
}

static enum MHD_Result request_header(struct http_request *request)
{
    struct http_server *server = request->server;
    const char *expect = http_request_header(request, "Expect");
    request->expects_continue = expect && strcasecmp(expect, "100-continue") == 0;
    bool readable = check_lengths(request);
    if (!request->answered)
        server->options.on_header(server->options.owner, request);
    /* A client that waits for 100-continue has sent no body that would have to be read first. */
    if (request->answered && (!readable || request->expects_continue))
        return request_send(request);
    return MHD_YES;
}

/* Makes room for `length` more bytes, or for the whole body when its length was announced; false
 * when all bodies together take too much. */
static bool body_reserve(struct http_request *request, size_t length)
{
    struct http_server *server = request->server;
    if (request->body.length == 0) {
        const char *announced = http_request_header(request, "Content-Length");
        size_t expected = announced ? (size_t)strtoull(announced, NULL, 10) : 0;
        length = expected > length ? expected : length;
    }
    size_t needed = request->body.length + length + 1;
    if (needed > request->body_memory &&
        server->body_memory + (needed - request->body_memory) > server->options.max_memory)
        return false;
    buffer_reserve(&request->body, length + 1);
    server->body_memory += request->body.capacity - request->body_memory;
    request->body_memory = request->body.capacity;
    return true;
}

static enum MHD_Result request_body(struct http_request *request, const char *bytes, size_t *length)
{
    request->bytes += *length;
    if (!request->answered && request->bytes > request->max_body)
        refuse(request, REASON_BODY_TOO_LARGE);
    if (request->answered) {
        buffer_done(&request->body);
        bool drop = request->bytes <= DISCARD_FACTOR * request->max_body;
        *length = 0;
        return drop ? MHD_YES : MHD_NO;
    }
    if (request->blocked) {
        request->bytes -= *length; /* not taken: it comes again */
        request_suspend(request);
        return MHD_YES;
    }
    if (!body_reserve(request, *length)) {
        refuse(request, REASON_UNAVAILABLE);
        *length = 0;
        return MHD_YES;
    }
    buffer_append(&request->body, bytes, *length);
    *length = 0;
    return MHD_YES;
}

static enum MHD_Result request_end(struct http_request *request)
{
    struct http_server *server = request->server;
    if (!request->answered && request->blocked) {
        request_suspend(request);
        return MHD_YES;
    }
    if (!request->answered && !request->complete) {
        request->complete = true;
        *buffer_reserve(&request->body, 1) = '\0';
        server->options.on_request(server->options.owner, request);
    }
    if (request->answered)
        return request_send(request);
    request_suspend(request);
    return MHD_YES;
}

static enum MHD_Result on_access(void *owner, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **context)
{
    (void)version;
    if (!*context) {
        struct http_request *request = request_new(owner, mhd, url, method);
        *context = request;
        return request_header(request);
    }
    if (*upload_size)
        return request_body(*context, upload, upload_size);
    return request_end(*context);
}

static void on_library_log(void *owner, const char *format, va_list arguments)
{
    char line[256];
    (void)owner;
    int length = vsnprintf(line, sizeof(line), format, arguments);
    if (length > 0 && line[strlen(line) - 1] == '\n')
        line[strlen(line) - 1] = '\0';
    log_debug("http library: %s", line);
}

static struct MHD_Daemon *daemon_start(struct http_server *server)
{
    const struct http_server_options *options = &server->options;
    size_t memory = options->max_header + CONNECTION_MEMORY_EXTRA;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_access, server, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, server->listener, MHD_OPTION_CONNECTION_LIMIT,
        options->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
        (size_t)(8 * 1024), MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
}

static int server_watch(uv_loop_t *loop, struct http_server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int error = info ? uv_poll_init(loop, &server->poll, info->epoll_fd) : -ENOTSUP;
    if (error)
        return error;
    uv_timer_init(loop, &server->again);
    uv_timer_init(loop, &server->sweep);
    server->poll.data = server->again.data = server->sweep.data = server;
    server->open_handles = 3;
    uv_poll_start(&server->poll, UV_READABLE, on_ready);
    uv_timer_start(&server->sweep, on_sweep, SWEEP_INTERVAL_MS, SWEEP_INTERVAL_MS);
    return 0;
}

int http_server_open(uv_loop_t *loop, const struct http_server_options *options,
                     struct http_server **ret_server, int *ret_port)
{
    struct http_server *server = memory_zalloc(sizeof(*server));
    int error;
    server->options = *options;
    list_init(&server->connections);
    server->listener = listener_open(options->listen, LISTEN_BACKLOG, ret_port);
    if (server->listener < 0) {
        error = server->listener;
        goto fail_listener;
    }
    server->daemon = daemon_start(server);
    if (!server->daemon) {
        error = -EINVAL;
        goto fail_daemon;
    }
    error = server_watch(loop, server);
    if (error)
        goto fail_watch;
    *ret_server = server;
    return 0;

fail_watch:
    MHD_quiesce_daemon(server->daemon);
    MHD_stop_daemon(server->daemon);
fail_daemon:
    close(server->listener);
fail_listener:
    free(server);
    return error;
}

void http_server_drain(struct http_server *server)
{
    if (server->draining)
        return;
    server->draining = true;
    MHD_quiesce_daemon(server->daemon);
    close(server->listener);
    server->listener = -1;
}

unsigned http_server_open_requests(const struct http_server *server)
{
    return server->request_count;
}

unsigned http_server_connections(const struct http_server *server)
{
    return server->connection_count;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct http_server *server = handle->data;
    if (--server->open_handles)
        return;
    if (server->on_closed)
        server->on_closed(server->closed_owner);
    request_pool_done(&server->requests);
    free(server);
}

void http_server_close(struct http_server *server, void (*on_closed)(void *owner), void *owner)
{
    server->on_closed = on_closed;
    server->closed_owner = owner;
    http_server_drain(server);
    uv_poll_stop(&server->poll);
    server_run(server); /* replies that were given but not yet queued */
    MHD_stop_daemon(server->daemon);
    uv_close((uv_handle_t *)&server->poll, on_handle_closed);
    uv_close((uv_handle_t *)&server->again, on_handle_closed);
    uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
}
