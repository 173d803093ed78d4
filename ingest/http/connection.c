#include "ingest/http/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ingest/http/reply.h"
#include "ingest/http/server_internal.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

/* Requests of one connection per turn; then the others get theirs. */
#define MAX_REQUESTS 16
#define LINGER_MS 2000
#define LINGER_BYTES ((size_t)(1024 * 1024))

static void on_poll(uv_poll_t *poll, int status, int events);

static void set_deadline(struct http_connection *connection, uint64_t ms)
{
    connection->deadline_us = ms ? time_monotonic_us() + (int64_t)ms * 1000 : 0;
}

static int wanted_events(const struct http_connection *connection)
{
    switch (connection->phase) {
    case PHASE_HEAD:
    case PHASE_LINGER:
        return UV_READABLE;
    case PHASE_BODY:
        return connection->request->blocked && connection->input.length ? 0 : UV_READABLE;
    case PHASE_WAIT:
        return connection->input.length || connection->input_ended ? 0 : UV_READABLE;
    case PHASE_SEND:
        return UV_WRITABLE;
    case PHASE_CLOSED:
    default:
        return 0;
    }
}

static void watch(struct http_connection *connection)
{
    int wanted = wanted_events(connection);
    if (connection->phase == PHASE_CLOSED || wanted == connection->watched)
        return;
    connection->watched = wanted;
    if (wanted)
        uv_poll_start(&connection->poll, wanted, on_poll);
    else
        uv_poll_stop(&connection->poll);
}

/* --- replies --- */

static void linger_or_close(struct http_connection *connection)
{
    if (!connection->unread) {
        http_connection_close(connection);
        return;
    }
    /* Closing with unread bytes would reset the connection, and the reply with it. */
    shutdown(connection->descriptor, SHUT_WR);
    connection->phase = PHASE_LINGER;
    set_deadline(connection, LINGER_MS);
}

static void on_replied(struct http_connection *connection)
{
    exchange_done(connection);
    if (connection->keep_alive) {
        connection->phase = PHASE_HEAD;
        set_deadline(connection, connection->server->options.limits.idle_timeout_ms);
    } else {
        linger_or_close(connection);
    }
}

/* Sends until all is out or the socket is full. */
static void send_rest(struct http_connection *connection)
{
    size_t total = connection->head.length + connection->body_length;
    while (connection->sent < total) {
        size_t head_sent =
            connection->sent < connection->head.length ? connection->sent : connection->head.length;
        size_t body_sent = connection->sent - head_sent;
        const char *body = connection->body_length ? connection->body + body_sent : NULL;
        struct iovec parts[] = {
            {connection->head.data + head_sent, connection->head.length - head_sent},
            {(char *)(uintptr_t)body, connection->body_length - body_sent},
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_LENGTH(parts)};
        ssize_t sent = sendmsg(connection->descriptor, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) {
            http_connection_close(connection);
            return;
        }
        connection->sent += (size_t)sent;
    }
    on_replied(connection);
}

static void reply(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    const struct http_request *request = connection->request;
    if (request->closing || connection->input_ended || server->draining)
        connection->keep_alive = false;
    buffer_clear(&connection->head);
    reply_write(request, http_server_date(server), !connection->keep_alive, &connection->head,
                &connection->body, &connection->body_length);
    connection->sent = 0;
    connection->phase = PHASE_SEND;
    set_deadline(connection, server->options.limits.body_timeout_ms);
    send_rest(connection);
}

/* The rest of the body will not be read. */
static void reply_early(struct http_connection *connection)
{
    connection->request->closing = true;
    connection->unread = true;
    reply(connection);
}

/* --- requests --- */

static void send_continue(struct http_connection *connection)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http_request *request = connection->request;
    if (!request->expects_continue || request->answered || request->blocked)
        return;
    request->expects_continue = false;
    /* Nothing is unsent here, so it fits; if not, the client sends the body unasked in the end. */
    if (send(connection->descriptor, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0)
        return;
}

static void end_request(struct http_connection *connection)
{
    connection->phase = PHASE_WAIT;
    connection->deadline_us = 0;
    exchange_end(connection->request);
    if (connection->request->answered)
        reply(connection);
}

static void begin_body(struct http_connection *connection)
{
    connection->phase = PHASE_BODY;
    set_deadline(connection, connection->server->options.limits.body_timeout_ms);
    send_continue(connection);
}

static void take_head(struct http_connection *connection, const struct http_piece *piece)
{
    exchange_begin(connection, REASON_NONE);
    if (connection->request->closing)
        reply_early(connection);
    else if (piece->complete)
        end_request(connection);
    else
        begin_body(connection);
}

static void refuse(struct http_connection *connection, const struct http_piece *piece)
{
    if (connection->phase == PHASE_BODY)
        exchange_refuse(connection->request, REASON_BAD_REQUEST);
    else
        exchange_begin(connection, piece->too_large ? REASON_HEADER_TOO_LARGE : REASON_BAD_REQUEST);
    reply_early(connection);
}

static size_t take_piece(struct http_connection *connection, const char *bytes, size_t length)
{
    struct http_piece piece;
    size_t taken = http_decoder_take(connection->decoder, bytes, length, &piece);
    /* What came before a failure counts, as it would have in a packet of its own. */
    bool goes_on = !piece.length || exchange_body(connection->request, piece.data, piece.length);
    if (piece.failed)
        refuse(connection, &piece);
    else if (piece.head)
        take_head(connection, &piece);
    else if (!goes_on)
        reply_early(connection);
    else if (piece.complete)
        end_request(connection);
    return taken;
}

static bool takes_input(const struct http_connection *connection)
{
    return connection->phase == PHASE_HEAD ||
           (connection->phase == PHASE_BODY && !connection->request->blocked);
}

/* What was not taken waits in `input`, which it may come from. */
static void keep_rest(struct http_connection *connection, const char *rest, size_t length)
{
    struct buffer *input = &connection->input;
    bool over = connection->phase == PHASE_LINGER || connection->phase == PHASE_CLOSED;
    if (over || length == 0) {
        buffer_done(input);
    } else if (input->length) {
        memmove(input->data, rest, length);
        input->length = length;
    } else {
        buffer_append(input, rest, length);
    }
}

/* Goes on with what waits and what has come. */
static void take_input(struct http_connection *connection, const char *bytes, size_t length)
{
    struct buffer *input = &connection->input;
    size_t used = 0;
    unsigned requests = 0;
    connection->busy = true;
    if (input->length) {
        buffer_append(input, bytes, length);
        bytes = input->data;
        length = input->length;
    }
    while (used < length && takes_input(connection)) {
        if (connection->phase == PHASE_HEAD && requests++ == MAX_REQUESTS)
            break;
        used += take_piece(connection, bytes + used, length - used);
    }
    keep_rest(connection, bytes + used, length - used);
    connection->busy = false;
    if (requests > MAX_REQUESTS)
        http_server_wake(connection);
}

void http_connection_resume(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    if (connection->phase == PHASE_WAIT) {
        connection->busy = true;
        end_request(connection);
        connection->busy = false;
    } else if (connection->phase == PHASE_BODY) {
        if (request->answered && request->expects_continue)
            reply_early(connection);
        else
            send_continue(connection);
    }
    if (takes_input(connection) && connection->input.length)
        take_input(connection, "", 0);
    watch(connection);
}

/* --- socket --- */

static void on_input_end(struct http_connection *connection)
{
    connection->input_ended = true;
    /* A handler that is at work must not lose its request; the reply then finds who is still there.
     */
    if (connection->phase != PHASE_WAIT)
        http_connection_close(connection);
}

static void on_input(struct http_connection *connection, const char *bytes, size_t length)
{
    if (takes_input(connection)) {
        take_input(connection, bytes, length);
    } else if (connection->phase == PHASE_LINGER) {
        connection->dropped += length;
        if (connection->dropped > LINGER_BYTES)
            http_connection_close(connection);
    } else {
        buffer_append(&connection->input, bytes, length);
    }
}

void http_connection_read(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (!(wanted_events(connection) & UV_READABLE))
        return;
    ssize_t length = recv(connection->descriptor, server->input, sizeof(server->input), 0);
    if (length > 0)
        on_input(connection, server->input, (size_t)length);
    else if (length == 0 || (errno != EAGAIN && errno != EINTR))
        on_input_end(connection);
    watch(connection);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct http_connection *connection = poll->data;
    if (status < 0)
        connection->watched = 0; /* libuv has stopped it; trying finds the reason */
    if (connection->phase == PHASE_SEND) {
        send_rest(connection);
        if (takes_input(connection) && connection->input.length)
            take_input(connection, "", 0);
        watch(connection);
    } else if (status < 0 || (events & UV_READABLE)) {
        http_connection_read(connection);
    }
}

static void set_address(struct http_connection *connection)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    if (getpeername(connection->descriptor, (struct sockaddr *)&address, &size))
        return;
    const void *place = &address;
    const struct sockaddr_in *v4 = place;
    const struct sockaddr_in6 *v6 = place;
    if (address.ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, connection->address, HTTP_ADDRESS_SIZE);
    else if (address.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, connection->address, HTTP_ADDRESS_SIZE);
}

void http_connection_open(struct http_server *server, int descriptor)
{
    struct http_connection *connection = memory_zalloc(sizeof(*connection));
    connection->server = server;
    connection->descriptor = descriptor;
    if (uv_poll_init(server->poll.loop, &connection->poll, descriptor)) {
        close(descriptor);
        free(connection);
        return;
    }
    connection->poll.data = connection;
    connection->decoder = http_decoder_new();
    list_init(&connection->ready);
    list_append(&server->connections, &connection->link);
    server->connection_count++;
    server->open_handles++;
    set_address(connection);
    set_deadline(connection, server->options.limits.header_timeout_ms);
    watch(connection);
}

static void on_closed(uv_handle_t *handle)
{
    struct http_connection *connection = handle->data;
    struct http_server *server = connection->server;
    buffer_done(&connection->input);
    buffer_done(&connection->head);
    http_decoder_free(connection->decoder);
    free(connection);
    http_server_on_handle_closed(server);
}

void http_connection_close(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (connection->phase == PHASE_CLOSED)
        return;
    exchange_done(connection);
    connection->phase = PHASE_CLOSED;
    list_remove(&connection->link);
    list_remove(&connection->ready);
    uv_close((uv_handle_t *)&connection->poll, on_closed);
    close(connection->descriptor);
    http_server_on_connection_closed(server);
}

void http_connection_check_deadline(struct http_connection *connection, int64_t now_us)
{
    if (connection->deadline_us && connection->deadline_us <= now_us)
        http_connection_close(connection);
}
