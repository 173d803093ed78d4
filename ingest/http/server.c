#include "ingest/http/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ingest/http/server_internal.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"
#include "shared/loop/listener.h"

#define SWEEP_INTERVAL_MS 1000
#define LISTEN_BACKLOG 1024
/* Connections accepted per turn; then the rest of the loop gets its own. */
#define MAX_ACCEPTS 64

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void set_accepting(struct http_server *server, bool accepting)
{
    if (!server->listening || server->draining || server->accepting == accepting)
        return;
    server->accepting = accepting;
    if (accepting)
        uv_poll_start(&server->poll, UV_READABLE, on_acceptable);
    else
        uv_poll_stop(&server->poll);
}

/* Who finds the server full waits in the listener's queue. */
static void accept_waiting(struct http_server *server, int most)
{
    for (int i = 0; i < most; i++) {
        if (server->connection_count >= server->options.max_connections) {
            set_accepting(server, false);
            return;
        }
        int descriptor = listener_accept(server->listener);
        if (descriptor == -EAGAIN)
            return;
        if (descriptor >= 0) {
            http_connection_open(server, descriptor);
        } else if (descriptor != -ECONNABORTED && descriptor != -EINTR) {
            set_accepting(server, false); /* no descriptor is free: the sweep tries again */
            return;
        }
    }
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    accept_waiting(poll->data, MAX_ACCEPTS);
}

void http_server_on_connection_closed(struct http_server *server)
{
    server->connection_count--;
    set_accepting(server, true);
}

static void resume_ready(struct http_server *server)
{
    struct list ready;
    list_init(&ready);
    while (!list_empty(&server->ready)) {
        struct list *link = server->ready.next;
        list_remove(link);
        list_append(&ready, link);
    }
    while (!list_empty(&ready)) {
        struct list *link = ready.next;
        list_remove(link);
        http_connection_resume(LIST_ITEM(link, struct http_connection, ready));
    }
}

static void on_again(uv_timer_t *timer)
{
    resume_ready(timer->data);
}

void http_server_wake(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (connection->busy || !list_empty(&connection->ready))
        return;
    list_append(&server->ready, &connection->ready);
    if (!uv_is_active((uv_handle_t *)&server->again))
        uv_timer_start(&server->again, on_again, 0, 0);
}

const char *http_server_date(struct http_server *server)
{
    time_t now = time(NULL);
    if (now != server->date_second) {
        struct tm parts;
        server->date_second = now;
        gmtime_r(&now, &parts);
        strftime(server->date, sizeof(server->date), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    }
    return server->date;
}

static void on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    int64_t now_us = time_monotonic_us();
    LIST_FOR_EACH(link, next, &server->connections)
    http_connection_check_deadline(LIST_ITEM(link, struct http_connection, link), now_us);
    set_accepting(server, true);
}

static int server_watch(uv_loop_t *loop, struct http_server *server)
{
    int error = uv_poll_init(loop, &server->poll, server->listener);
    if (error)
        return error;
    uv_timer_init(loop, &server->again);
    uv_timer_init(loop, &server->sweep);
    server->poll.data = server->again.data = server->sweep.data = server;
    server->open_handles = 3;
    uv_timer_start(&server->sweep, on_sweep, SWEEP_INTERVAL_MS, SWEEP_INTERVAL_MS);
    return 0;
}

int http_server_open(uv_loop_t *loop, const struct http_server_options *options,
                     struct http_server **ret_server, int *ret_port)
{
    struct http_server *server = memory_zalloc(sizeof(*server));
    server->options = *options;
    http_decoder_set_max_header(options->max_header);
    list_init(&server->connections);
    list_init(&server->ready);
    server->listener = listener_open(options->listen, ret_port);
    int error = server->listener < 0 ? server->listener : server_watch(loop, server);
    if (!error) {
        *ret_server = server;
        return 0;
    }
    if (server->listener >= 0)
        close(server->listener);
    free(server);
    return error;
}

int http_server_listen(struct http_server *server)
{
    if (server->listening || server->draining)
        return 0;
    int error = listener_listen(server->listener, LISTEN_BACKLOG);
    server->listening = !error;
    set_accepting(server, true);
    return error;
}

void http_server_on_handle_closed(struct http_server *server)
{
    if (--server->open_handles)
        return;
    if (server->on_closed)
        server->on_closed(server->closed_owner);
    request_pool_done(&server->requests);
    free(server);
}

static void on_handle_closed(uv_handle_t *handle)
{
    http_server_on_handle_closed(handle->data);
}

void http_server_drain(struct http_server *server)
{
    if (server->draining)
        return;
    /* Whoever waits there has been let in by the kernel, and what has arrived was sent in good
     * faith: closing would reset it. */
    if (server->listening)
        accept_waiting(server, LISTEN_BACKLOG);
    LIST_FOR_EACH(link, next, &server->connections)
    http_connection_read(LIST_ITEM(link, struct http_connection, link));
    server->draining = true;
    /* For good, and before its descriptor: the number may be another's soon. */
    uv_close((uv_handle_t *)&server->poll, on_handle_closed);
    close(server->listener);
    server->listener = -1;
}

void http_server_set_limits(struct http_server *server, const struct http_limits *limits)
{
    server->options.limits = *limits;
}

unsigned http_server_open_requests(const struct http_server *server)
{
    return server->request_count;
}

unsigned http_server_connections(const struct http_server *server)
{
    return server->connection_count;
}

void http_server_close(struct http_server *server, void (*on_closed)(void *owner), void *owner)
{
    server->on_closed = on_closed;
    server->closed_owner = owner;
    http_server_drain(server);
    resume_ready(server); /* replies that were given but not yet sent */
    LIST_FOR_EACH(link, next, &server->connections)
    http_connection_close(LIST_ITEM(link, struct http_connection, link));
    uv_close((uv_handle_t *)&server->again, on_handle_closed);
    uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
}
