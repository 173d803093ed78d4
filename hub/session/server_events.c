/* `GET /live/sse?channel=…`: the HTTP side of one-way streams. The answer has no length and no
 * chunks, it ends with the connection, so that a frame is the same bytes for every stream. Its
 * head is sent when the channel is ready; until then the answer may still become a problem.
 *
 * libwebsockets reads the request and ends the connection. While an answer is under way it takes
 * nothing from the socket, so that a client that goes or talks would make the loop spin, and told
 * not to look (flow control) it does not send either what it kept back. So it is told not to look,
 * and the stream is written here, past it; the descriptor's copy is watched only while there is no
 * room in the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/session/events.h"
#include "hub/session/server_internal.h"
#include "hub/session/tls.h"
#include "shared/access/token.h"
#include "shared/base/memory.h"

#define EVENTS_PATH "/live/sse"
#define LAST_EVENT_ID "last-event-id:"
/* A client that is there but takes nothing is slow, and let go as that before. */
#define SILENT_PINGS 4
#define MAX_AUTHORIZATION (TOKEN_MAX_BYTES + 16)

bool is_events_path(const char *path)
{
    return strcmp(path, EVENTS_PATH) == 0;
}

/* ---- the transport of a session ---- */

struct event_watch {
    uv_poll_t poll;
    struct connection *connection;
};

struct event_connection {
    uv_loop_t *loop;
    char origin[MAX_HEADER_TEXT]; /* of the page that may read it; "": no page */
    enum http_problem refusal;    /* to be answered when it closes */
    bool open;                    /* the head of the stream was sent */
    struct frame *rest;           /* that the kernel has not taken all of, or NULL */
    size_t sent;                  /* of it */
    struct event_watch *watch;    /* NULL until it is needed */
};

static ssize_t write_some(const struct connection *connection, const unsigned char *bytes,
                          size_t length)
{
    if (connection->encrypted)
        return tls_write(lws_get_ssl(connection->wsi), bytes, length);
    ssize_t sent = send(connection->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EIO;
}

/* As much of `rest` as there is room for. 0 or -EIO. */
static int flush(struct connection *connection)
{
    struct event_connection *events = connection->events;
    while (events->rest && events->sent < events->rest->length) {
        ssize_t sent = write_some(connection, events->rest->data + events->sent,
                                  events->rest->length - events->sent);
        if (sent < 0)
            return sent == -EAGAIN ? 0 : -EIO;
        events->sent += (size_t)sent;
    }
    frame_unref(events->rest);
    events->rest = NULL;
    return 0;
}

int events_write(struct connection *connection, struct frame *frame)
{
    connection->events->rest = frame_ref(frame);
    connection->events->sent = 0;
    return flush(connection);
}

bool events_blocked(const struct connection *connection)
{
    return connection->events->rest != NULL;
}

static void on_room(uv_poll_t *poll, int status, int happened)
{
    struct connection *connection = ((struct event_watch *)poll->data)->connection;
    uv_poll_stop(poll);
    if (status || (happened & UV_DISCONNECT) || flush(connection))
        session_close(connection->session, PROTOCOL_CLOSE_WRITE_ERROR);
    else if (connection->events->rest)
        events_want_writable(connection);
    else
        session_on_writable(connection->session);
}

/* Of a copy, since libuv watches a descriptor once. Without one the stream ends as one that is
 * slow.
 */
static struct event_watch *watch_new(struct connection *connection)
{
    struct event_watch *watch = memory_zalloc(sizeof(*watch));
    int copy = fcntl(connection->fd, F_DUPFD_CLOEXEC, 0);
    watch->connection = connection;
    watch->poll.data = watch;
    if (copy >= 0 && uv_poll_init(connection->events->loop, &watch->poll, copy) == 0)
        return watch;
    if (copy >= 0)
        (void)close(copy);
    free(watch);
    return NULL;
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void watch_free(struct event_watch *watch)
{
    int copy = -1;
    if (!watch)
        return;
    (void)uv_fileno((uv_handle_t *)&watch->poll, &copy);
    uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
    (void)close(copy);
}

void events_want_writable(struct connection *connection)
{
    struct event_connection *events = connection->events;
    if (!events->watch)
        events->watch = watch_new(connection);
    if (events->watch)
        (void)uv_poll_start(&events->watch->poll, UV_WRITABLE | UV_DISCONNECT, on_room);
}

void events_free(struct event_connection *events)
{
    if (!events)
        return;
    frame_unref(events->rest);
    watch_free(events->watch);
    free(events);
}

void transport_open_events(struct transport *transport)
{
    struct connection *connection = (struct connection *)transport;
    const char *origin = connection->events->origin;
    struct buffer head = BUFFER_INIT;
    buffer_append_text(&head, "HTTP/1.1 200 OK\r\n"
                              "content-type: text/event-stream\r\n"
                              "cache-control: no-store\r\n"
                              "x-accel-buffering: no\r\n"
                              "connection: close\r\n");
    if (*origin)
        buffer_printf(&head, "access-control-allow-origin: %s\r\nvary: origin\r\n", origin);
    buffer_append_text(&head, "\r\n");
    struct frame *frame = frame_new(head.data, head.length);
    buffer_done(&head);
    connection->events->open = true;
    /* If this fails the next write does too, and that closes the session. */
    int error = events_write(connection, frame);
    (void)error;
    frame_unref(frame);
}

bool transport_events_over(struct transport *transport)
{
    char byte;
    ssize_t length = recv(((struct connection *)transport)->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return length >= 0 || (errno != EAGAIN && errno != EINTR);
}

void transport_refuse(struct transport *transport, enum http_problem problem)
{
    ((struct connection *)transport)->events->refusal = problem;
}

int close_events(struct lws *wsi, struct connection *connection)
{
    struct event_connection *events = connection->events;
    struct http_answer answer;
    connection->close_begun = true;
    if (events->open)
        return -1;
    http_problem(events->refusal == HTTP_PROBLEM_NONE ? HTTP_PROBLEM_UNAVAILABLE : events->refusal,
                 &answer);
    answer.closes = true;
    unsigned char body[LWS_PRE + 512];
    memcpy(body + LWS_PRE, answer.body.data, answer.body.length);
    if (send_head(wsi, &answer, events->origin) == 0)
        (void)lws_write(wsi, body + LWS_PRE, answer.body.length, LWS_WRITE_HTTP_FINAL);
    buffer_done(&answer.body);
    return -1;
}

/* ---- the request ---- */

/* The token of `Authorization: Bearer …`; `out` has room for MAX_AUTHORIZATION. */
static const char *read_token(struct lws *wsi, char *out)
{
    int length = lws_hdr_copy(wsi, out, MAX_AUTHORIZATION, WSI_TOKEN_HTTP_AUTHORIZATION);
    if (length <= 0 || strncasecmp(out, "Bearer ", 7) != 0)
        return NULL;
    return out + 7 + strspn(out + 7, " ");
}

static void read_origin(struct lws *wsi, char out[MAX_HEADER_TEXT])
{
    if (lws_hdr_copy(wsi, out, MAX_HEADER_TEXT, WSI_TOKEN_ORIGIN) <= 0)
        out[0] = '\0';
}

static void read_last_event_id(struct lws *wsi, char out[MAX_HEADER_TEXT])
{
    int length = (int)strlen(LAST_EVENT_ID);
    if (lws_hdr_custom_copy(wsi, out, MAX_HEADER_TEXT, LAST_EVENT_ID, length) > 0)
        return;
    /* One too long is none of ours, but it did come back. */
    bool sent = lws_hdr_custom_length(wsi, LAST_EVENT_ID, length) > 0;
    out[0] = sent ? '?' : '\0';
    out[1] = '\0';
}

/* A page asks first whether it may send a token. */
static int answer_preflight(struct lws *wsi, const char *origin)
{
    unsigned char head[LWS_PRE + 2048];
    unsigned char *start = head + LWS_PRE, *at = start, *end = head + sizeof(head) - 1;
    if (lws_add_http_header_status(wsi, 204, &at, end) ||
        add_header(wsi, "access-control-allow-origin:", origin, &at, end) ||
        add_header(wsi, "access-control-allow-methods:", "GET", &at, end) ||
        add_header(wsi, "access-control-allow-headers:", "authorization, last-event-id", &at,
                   end) ||
        add_header(wsi, "access-control-max-age:", "600", &at, end) ||
        add_header(wsi, "vary:", "origin", &at, end) ||
        lws_finalize_write_http_header(wsi, start, &at, end))
        return -1;
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* A reader that is gone without a word is noticed when it does not take a ping. */
static void watch_for_silence(const struct connection *connection, const struct server *server)
{
    unsigned timeout_ms = (unsigned)(SILENT_PINGS * server->settings->ping_interval_ms);
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
                     sizeof(timeout_ms));
}

static enum http_problem open_stream(struct lws *wsi, const struct server *server,
                                     struct connection *connection, const char *origin)
{
    char authorization[MAX_AUTHORIZATION], last_event_id[MAX_HEADER_TEXT];
    char channel[MAX_HEADER_TEXT];
    enum http_problem problem = HTTP_PROBLEM_UNAVAILABLE;
    if (server_full(server))
        return problem;
    const char *named = lws_get_urlarg_by_name(wsi, "channel=", channel, sizeof(channel));
    read_last_event_id(wsi, last_event_id);
    struct events_request request = {.token = read_token(wsi, authorization),
                                     .channel = named ? named : "",
                                     .last_event_id = last_event_id};
    connection_init(connection, wsi);
    connection->events = memory_zalloc(sizeof(*connection->events));
    connection->events->loop = server->loop;
    connection->events->refusal = HTTP_PROBLEM_NONE;
    memcpy(connection->events->origin, origin, strlen(origin) + 1);
    connection->session =
        events_open(server->sessions, (struct transport *)connection, &request, &problem);
    if (connection->session) {
        lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
        lws_rx_flow_control(wsi, 0);
        lws_http_headers_detach(wsi); /* several kB */
        watch_for_silence(connection, server);
        return HTTP_PROBLEM_NONE;
    }
    events_free(connection->events);
    connection->events = NULL;
    return problem;
}

int on_events_request(struct lws *wsi, const struct server *server, struct connection *connection)
{
    char origin[MAX_HEADER_TEXT];
    enum http_problem problem = HTTP_PROBLEM_ORIGIN;
    read_origin(wsi, origin);
    if (!origin_allowed(wsi, server))
        origin[0] = '\0';
    else if (*origin && lws_hdr_total_length(wsi, WSI_TOKEN_OPTIONS_URI) > 0)
        return answer_preflight(wsi, origin);
    else if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0)
        problem = HTTP_PROBLEM_METHOD;
    else
        problem = open_stream(wsi, server, connection, origin);
    if (problem == HTTP_PROBLEM_NONE)
        return 0;
    server->sessions->stats->connections_refused++;
    struct http_answer answer;
    http_problem(problem, &answer);
    return send_page(connection, wsi, &answer, origin);
}
