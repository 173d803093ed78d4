/* libwebsockets, as this hub uses it: no listening of its own (an adopted socket can share its port
 * and has TCP_NODELAY), no ping of its own (the protocol has one that browsers' code can see). A
 * frame is sent straight from the fan-out, by one send() of bytes that are shared by all sockets:
 * a WRITEABLE callback per delivery costs two system calls more, lws_write a seventh more. What the
 * kernel does not take of a frame goes to libwebsockets, which keeps it before its own control
 * frames. A close frame is only sent when a RECEIVE or TIMER callback returns -1, so a close from
 * elsewhere arms the timer. */
#include "hub/session/server.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/session/server_internal.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/loop/listener.h"

#define WEBSOCKET_PATH "/connection/websocket"
#define LISTEN_BACKLOG 1024
#define ACCEPTS_PER_TURN 64
/* Larger than most states, so that these leave in one send. */
#define SEND_BUFFER_BYTES 65536
/* One of these per connection: no more than what a client mostly says at a time. */
#define RECEIVE_BUFFER_BYTES 1024
/* Of a request, only while it is read. A stream's has a token in it. */
#define HEADER_BYTES (12 * 1024)
/* Of a connection, in the kernel: what lies there is out of date when a slow reader gets it, so it
 * shall be little; what folds waits here. */
#define KERNEL_UNSENT_BYTES (64 * 1024)

_Static_assert(FRAME_HEADROOM >= LWS_PRE, "frames leave too little room for libwebsockets");

/* ---- the transport of a session ---- */

static struct connection *of_transport(struct transport *transport)
{
    return (struct connection *)transport;
}

static int send_by_library(struct connection *connection, struct frame *frame)
{
    int written = lws_write(connection->wsi, frame->data, frame->length, LWS_WRITE_TEXT);
    return written < 0 ? -EIO : 0;
}

/* This kind of write puts no header before its bytes, in a WebSocket too. */
static int leave_rest(struct connection *connection, unsigned char *bytes, size_t length)
{
    return lws_write(connection->wsi, bytes, length, LWS_WRITE_HTTP) < 0 ? -EIO : 0;
}

int transport_write(struct transport *transport, struct frame *frame)
{
    struct connection *connection = of_transport(transport);
    if (connection->events)
        return events_write(connection, frame);
    if (connection->encrypted)
        return send_by_library(connection, frame);
    unsigned char *bytes = frame_wire(frame);
    size_t length = frame_wire_length(frame);
    ssize_t sent = send(connection->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EIO;
    if ((size_t)sent == length)
        return 0;
    return leave_rest(connection, bytes + sent, length - (size_t)sent);
}

bool transport_blocked(struct transport *transport)
{
    const struct connection *connection = of_transport(transport);
    return connection->events ? events_blocked(connection)
                              : lws_partial_buffered(connection->wsi) != 0;
}

void transport_want_writable(struct transport *transport)
{
    struct connection *connection = of_transport(transport);
    if (connection->events)
        events_want_writable(connection);
    else
        lws_callback_on_writable(connection->wsi);
}

void transport_close(struct transport *transport, enum protocol_close reason)
{
    struct connection *connection = of_transport(transport);
    connection->closing = reason;
    lws_set_timer_usecs(connection->wsi, 1);
    /* Its timers are only looked at after some input or output. */
    lws_cancel_service(lws_get_context(connection->wsi));
}

/* What the RECEIVE and TIMER callbacks return: -1, once, begins the close with its code. */
static int close_if_wanted(struct lws *wsi, struct connection *connection)
{
    if (connection->closing == PROTOCOL_CLOSE_NONE || connection->close_begun)
        return 0;
    if (connection->events)
        return close_events(wsi, connection);
    connection->close_begun = true;
    lws_set_timer_usecs(wsi, LWS_SET_TIMER_USEC_CANCEL);
    const struct protocol_code *code = &protocol_closes[connection->closing];
    unsigned char reason[64];
    int length = snprintf((char *)reason, sizeof(reason), "%s", code->text);
    lws_close_reason(wsi, (enum lws_close_status)code->number, reason, (size_t)length);
    return -1;
}

/* ---- who may open a WebSocket ---- */

static bool origin_listed(const char *origins, const char *origin)
{
    size_t length = strlen(origin);
    for (const char *at = origins; *at;) {
        size_t word = strcspn(at, " ");
        if ((word == 1 && *at == '*') || (word == length && !strncmp(at, origin, length)))
            return true;
        at += word;
        at += strspn(at, " ");
    }
    return false;
}

/* Browsers always say where a page is from; other clients do not, and need a token anyway. */
bool origin_allowed(struct lws *wsi, const struct server *server)
{
    char origin[MAX_HEADER_TEXT];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) <= 0)
        return true;
    if (lws_hdr_copy(wsi, origin, sizeof(origin), WSI_TOKEN_ORIGIN) <= 0)
        return false;
    return origin_listed(server->settings->allowed_origins, origin);
}

bool server_full(const struct server *server)
{
    return server->sessions->draining ||
           server->sessions->stats->connections >= (uint64_t)server->settings->max_connections;
}

static unsigned refusal(struct lws *wsi, const struct server *server)
{
    char path[MAX_HEADER_TEXT];
    if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) <= 0 ||
        strcmp(path, WEBSOCKET_PATH) != 0)
        return 404;
    if (!origin_allowed(wsi, server))
        return 403;
    return server_full(server) ? 503 : 0;
}

static int on_upgrade(struct lws *wsi, const struct server *server)
{
    unsigned status = refusal(wsi, server);
    if (!status)
        return 0;
    server->sessions->stats->connections_refused++;
    if (lws_return_http_status(wsi, status, NULL))
        return -1;
    return 1;
}

/* ---- plain HTTP ---- */

int add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at,
               unsigned char *end)
{
    return value && *value ? lws_add_http_header_by_name(wsi, (const unsigned char *)name,
                                                         (const unsigned char *)value,
                                                         (int)strlen(value), at, end)
                           : 0;
}

int send_head(struct lws *wsi, const struct http_answer *answer, const char *origin)
{
    unsigned char head[LWS_PRE + 2048];
    unsigned char *start = head + LWS_PRE, *at = start, *end = head + sizeof(head) - 1;
    if (lws_add_http_common_headers(wsi, answer->status, answer->content_type,
                                    (lws_filepos_t)answer->body.length, &at, end) ||
        add_header(wsi, "cache-control:", "no-store", &at, end) ||
        add_header(wsi, answer->header, answer->value, &at, end) ||
        add_header(wsi, "access-control-allow-origin:", origin, &at, end) ||
        add_header(wsi, "connection:", answer->closes ? "close" : NULL, &at, end))
        return -1;
    return lws_finalize_write_http_header(wsi, start, &at, end);
}

int send_page(struct connection *connection, struct lws *wsi, struct http_answer *answer,
              const char *origin)
{
    frame_unref(connection->page);
    connection->page = frame_new(answer->body.data, answer->body.length);
    int error = send_head(wsi, answer, origin);
    buffer_done(&answer->body);
    if (error)
        return -1;
    lws_callback_on_writable(wsi);
    return 0;
}

static int on_request(struct lws *wsi, const struct server *server, struct connection *connection,
                      const char *path)
{
    struct http_answer answer;
    if (is_events_path(path))
        return on_events_request(wsi, server, connection);
    http_answer(server->sessions, server->feeds, path, &answer);
    return send_page(connection, wsi, &answer, "");
}

static int on_page_writable(struct lws *wsi, struct connection *connection)
{
    struct frame *page = connection->page;
    if (!page)
        return 0;
    int written = lws_write(wsi, page->data, page->length, LWS_WRITE_HTTP_FINAL);
    bool whole = written >= 0 && (size_t)written == page->length;
    connection->page = NULL;
    frame_unref(page);
    if (!whole || lws_http_transaction_completed(wsi))
        return -1;
    return 0;
}

/* ---- what libwebsockets tells ---- */

static int on_receive(struct lws *wsi, struct connection *connection, const void *bytes,
                      size_t length)
{
    bool last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
    if (!connection->session)
        return -1;
    session_on_bytes(connection->session, bytes, length, last);
    return close_if_wanted(wsi, connection);
}

void connection_init(struct connection *connection, struct lws *wsi)
{
    connection->wsi = wsi;
    connection->fd = lws_get_socket_fd(wsi);
    connection->encrypted = lws_is_ssl(wsi) != 0;
    connection->closing = PROTOCOL_CLOSE_NONE;
}

static void on_open(struct lws *wsi, const struct server *server, struct connection *connection)
{
    connection_init(connection, wsi);
    connection->session = session_new(server->sessions, (struct transport *)connection);
}

static void on_closed(struct connection *connection)
{
    if (!connection)
        return;
    session_on_gone(connection->session);
    connection->session = NULL;
    events_free(connection->events);
    connection->events = NULL;
    frame_unref(connection->page);
    connection->page = NULL;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    struct connection *connection = user;
    const struct server *server = lws_context_user(lws_get_context(wsi));
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        tls_serve(server->tls, user);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(wsi, server);
    case LWS_CALLBACK_ESTABLISHED:
        on_open(wsi, server, connection);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return on_receive(wsi, connection, in, length);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        if (connection->session)
            session_on_writable(connection->session);
        return 0;
    case LWS_CALLBACK_TIMER:
        return connection && connection->session ? close_if_wanted(wsi, connection) : 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
        on_closed(connection);
        return 0;
    case LWS_CALLBACK_HTTP:
        return on_request(wsi, server, connection, in);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return on_page_writable(wsi, connection);
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "centrifuge-json",
     .callback = on_event,
     .per_session_data_size = sizeof(struct connection),
     .rx_buffer_size = RECEIVE_BUFFER_BYTES,
     .tx_packet_size = SEND_BUFFER_BYTES},
    {.name = NULL},
};

static const lws_retry_bo_t no_own_pings = {.secs_since_valid_ping = 0,
                                            .secs_since_valid_hangup = 0};

/* ---- accepting ---- */

/* At most `count` of those that wait. */
static void accept_some(struct server *server, int count)
{
    for (int i = 0; i < count; i++) {
        static const int unsent = KERNEL_UNSENT_BYTES;
        int fd = listener_accept(server->listener);
        if (fd < 0)
            return;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
        /* It closes the descriptor itself when it fails. */
        if (!lws_adopt_socket_vhost(server->vhost, fd))
            server->sessions->stats->connections_refused++;
    }
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    accept_some(poll->data, ACCEPTS_PER_TURN);
}

static int open_listener(struct server *server, uv_loop_t *loop)
{
    server->listener = listener_open(server->settings->listen, NULL);
    if (server->listener < 0)
        return server->listener;
    int error = listener_listen(server->listener, LISTEN_BACKLOG);
    if (!error)
        error = uv_poll_init(loop, &server->poll, server->listener);
    if (!error) {
        server->poll.data = server;
        server->listening = true;
        error = uv_poll_start(&server->poll, UV_READABLE, on_acceptable);
    }
    return error;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;
    (void)close(server->listener);
    server->listener = -1;
}

static void stop_listening(struct server *server)
{
    if (!server->listening)
        return;
    server->listening = false;
    uv_close((uv_handle_t *)&server->poll, on_listener_closed);
}

/* ---- life ---- */

static void on_library_log(int level, const char *line)
{
    size_t length = strcspn(line, "\n");
    log_write(level & LLL_ERR ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "libwebsockets: %.*s",
              (int)length, line);
}

static int open_context(struct server *server, uv_loop_t *loop)
{
    void *loops[] = {loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .foreign_loops = loops,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .pt_serv_buf_size = SEND_BUFFER_BYTES,
        .max_http_header_data = HEADER_BYTES,
        .retry_and_idle_policy = &no_own_pings,
        .user = server,
    };
    if (server->tls) {
        info.options |=
            LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX;
        info.alpn = "http/1.1"; /* the pages are not written for HTTP/2 */
    }
    lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
    server->context = lws_create_context(&info);
    if (!server->context)
        return -EIO;
    server->vhost = lws_create_vhost(server->context, &info);
    return server->vhost ? 0 : -EIO;
}

int server_open(uv_loop_t *loop, const struct hub_settings *settings, struct tls *tls,
                struct sessions *sessions, const struct feeds *feeds, struct server **ret_server)
{
    struct server *server = memory_zalloc(sizeof(*server));
    server->loop = loop;
    server->settings = settings;
    server->tls = tls;
    server->sessions = sessions;
    server->feeds = feeds;
    server->listener = -1;
    *ret_server = server;
    int error = open_context(server, loop);
    return error ? error : open_listener(server, loop);
}

void server_drain(struct server *server)
{
    if (!server || !server->listening)
        return;
    /* Whoever waits there has been let in by the kernel; closing would reset it. */
    accept_some(server, LISTEN_BACKLOG);
    stop_listening(server);
}

void server_close(struct server *server)
{
    if (!server)
        return;
    stop_listening(server);
    if (server->context)
        lws_context_destroy(server->context);
}

/* On a foreign loop the first destroy only begins: its handles close as the loop runs, and the
 * second one frees the rest. */
void server_free(struct server *server)
{
    if (!server)
        return;
    if (server->context)
        lws_context_destroy(server->context);
    free(server);
}
