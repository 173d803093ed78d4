/* States and their one timer: DOWN (the pause before the next attempt), CONNECTING (the attempt's
 * limit, up to the answer that proves that we are signed in), UP (the beat), CLOSED. `connection`
 * is forgotten first and freed then, with its `data` cleared, so that whatever hiredis calls while
 * it dies finds no link. */
#include "shared/redis/redis_link.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/redis/redis_adapter.h"
#include "shared/redis/redis_url.h"

#define CONNECT_TIMEOUT_MS 5000
#define BEAT_MS 2000
#define UNANSWERED_BEATS 3 /* counted, not timed: we may have been stopped ourselves */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 5000
#define LOG_INTERVAL_MS 5000
#define REASON_SIZE 160

enum state { DOWN, CONNECTING, UP, CLOSED };

struct redis_link {
    uv_loop_t *loop;
    enum state state;
    struct redis_link_options options; /* strings owned */
    char *name, *prefix, *full_pattern;
    struct redis_url url;

    redisAsyncContext *connection;
    uv_timer_t timer;
    uint32_t backoff_ms;
    unsigned unanswered_beats;
    size_t unacknowledged_bytes;
    struct log_limit log_limit;

    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_timer(uv_timer_t *timer);
static void on_sign_of_life(redisAsyncContext *connection, void *data, void *user);

static void set_timer(struct redis_link *link, uint64_t delay_ms)
{
    uv_timer_start(&link->timer, on_timer, delay_ms, 0);
}

/* Doubles from attempt to attempt; the jitter keeps a fleet from coming back in step. */
static uint32_t next_backoff_ms(struct redis_link *link)
{
    uint32_t base_ms = link->backoff_ms;
    link->backoff_ms = base_ms * 2 < BACKOFF_LAST_MS ? base_ms * 2 : BACKOFF_LAST_MS;
    return base_ms / 2 + randombytes_uniform(base_ms / 2 + 1);
}

/* The connection has gone, by whatever way. */
static void lost(struct redis_link *link, const char *reason)
{
    bool was_up = link->state == UP;
    link->state = DOWN;
    log_limited(&link->log_limit, LOG_LEVEL_WARNING, "redis %s: %s", link->name, reason);
    set_timer(link, next_backoff_ms(link));
    if (was_up && link->options.on_state)
        link->options.on_state(link->options.owner, false);
}

/* hiredis itself defers the freeing while one of our reply callbacks runs. */
static void discard_connection(struct redis_link *link)
{
    redisAsyncContext *connection = link->connection;
    if (!connection)
        return;
    link->connection = NULL;
    connection->data = NULL;
    redisAsyncFree(connection);
}

static void drop(struct redis_link *link, const char *reason)
{
    char copy[REASON_SIZE]; /* the reason may live in the connection */
    snprintf(copy, sizeof(copy), "%s", reason);
    discard_connection(link);
    lost(link, copy);
}

static const char *error_text(const redisAsyncContext *connection)
{
    return connection->errstr && *connection->errstr ? connection->errstr : "connection closed";
}

/* --- signing in --- */

/* For commands whose failure the next answer does not show. */
static void on_setup_reply(redisAsyncContext *connection, void *data, void *user)
{
    struct redis_link *link = connection->data;
    const redisReply *reply = data;
    (void)user;
    if (link && reply && reply->type == REDIS_REPLY_ERROR)
        drop(link, reply->str);
}

static int send_credentials(const struct redis_link *link)
{
    const struct redis_url *url = &link->url;
    if (!*url->password)
        return REDIS_OK;
    if (*url->user)
        return redisAsyncCommand(link->connection, on_setup_reply, NULL, "AUTH %s %s", url->user,
                                 url->password);
    return redisAsyncCommand(link->connection, on_setup_reply, NULL, "AUTH %s", url->password);
}

static int send_beat(const struct redis_link *link)
{
    if (link->full_pattern)
        return redisAsyncCommand(link->connection, on_sign_of_life, NULL, "PSUBSCRIBE %s",
                                 link->full_pattern);
    return redisAsyncCommand(link->connection, on_sign_of_life, NULL, "PING");
}

/* Pipelined; a failure shows as a dead connection at once or in on_disconnect. */
static void sign_in(struct redis_link *link)
{
    int fault = send_credentials(link);
    if (!fault && link->url.database)
        fault = redisAsyncCommand(link->connection, on_setup_reply, NULL, "SELECT %d",
                                  link->url.database);
    if (!fault)
        fault = redisAsyncCommand(link->connection, NULL, NULL, "CLIENT SETNAME %s", link->name);
    if (!fault)
        fault = send_beat(link);
    if (fault) /* not freed here: hiredis is not done with it; the timer drops it */
        set_timer(link, 0);
}

static void on_connect(const redisAsyncContext *connection, int status)
{
    struct redis_link *link = connection->data;
    if (!link)
        return;
    if (status == REDIS_OK) {
        sign_in(link);
        return;
    }
    link->connection = NULL; /* hiredis frees it after this call */
    lost(link, error_text(connection));
}

static void on_disconnect(const redisAsyncContext *connection, int status)
{
    struct redis_link *link = connection->data;
    (void)status;
    if (!link)
        return;
    link->connection = NULL;
    lost(link, error_text(connection));
}

static redisAsyncContext *start_connection(const struct redis_url *url)
{
    return *url->path ? redisAsyncConnectUnix(url->path) : redisAsyncConnect(url->host, url->port);
}

static void connect_begin(struct redis_link *link)
{
    redisAsyncContext *connection = start_connection(&link->url);
    if (!connection || connection->err || redis_adapter_attach(connection, link->loop)) {
        char reason[REASON_SIZE];
        snprintf(reason, sizeof(reason), "%s",
                 connection ? error_text(connection) : "out of memory");
        if (connection)
            redisAsyncFree(connection);
        lost(link, reason);
        return;
    }
    link->state = CONNECTING;
    link->connection = connection;
    link->unacknowledged_bytes = 0;
    connection->data = link;
    redisAsyncSetConnectCallback(connection, on_connect);
    redisAsyncSetDisconnectCallback(connection, on_disconnect);
    set_timer(link, CONNECT_TIMEOUT_MS);
}

/* --- being up --- */

static void heard(struct redis_link *link)
{
    link->unanswered_beats = 0;
    if (link->state != CONNECTING)
        return;
    link->state = UP;
    link->backoff_ms = BACKOFF_FIRST_MS;
    set_timer(link, BEAT_MS);
    if (link->options.on_state)
        link->options.on_state(link->options.owner, true);
}

/* [pmessage, pattern, channel, bytes] */
static void take_message(struct redis_link *link, const redisReply *reply)
{
    size_t prefix_length = strlen(link->prefix);
    const redisReply *channel = reply->element[2];
    const redisReply *message = reply->element[3];
    if (channel->type != REDIS_REPLY_STRING || message->type != REDIS_REPLY_STRING ||
        strncmp(channel->str, link->prefix, prefix_length) != 0)
        return;
    link->options.on_message(link->options.owner, channel->str + prefix_length, message->str,
                             (size_t)message->len);
}

/* The answer to a beat, or, while subscribed, a message. */
static void on_sign_of_life(redisAsyncContext *connection, void *data, void *user)
{
    struct redis_link *link = connection->data;
    const redisReply *reply = data;
    (void)user;
    if (!link || !reply)
        return;
    if (reply->type == REDIS_REPLY_ERROR) {
        drop(link, reply->str);
        return;
    }
    heard(link);
    if (link->state == UP && reply->type == REDIS_REPLY_ARRAY && reply->elements == 4)
        take_message(link, reply);
}

static void beat(struct redis_link *link)
{
    if (++link->unanswered_beats > UNANSWERED_BEATS)
        drop(link, "silent for too long");
    else if (send_beat(link))
        drop(link, "cannot send");
    else
        set_timer(link, BEAT_MS);
}

static void on_timer(uv_timer_t *timer)
{
    struct redis_link *link = timer->data;
    if (link->state == DOWN)
        connect_begin(link);
    else if (link->state == CONNECTING)
        drop(link, "connecting took too long");
    else
        beat(link);
}

/* --- interface --- */

static char *join(const char *first, const char *second)
{
    size_t size = strlen(first) + strlen(second) + 1;
    char *text = memory_alloc(size);
    snprintf(text, size, "%s%s", first, second);
    return text;
}

int redis_link_open(uv_loop_t *loop, const struct redis_link_options *options,
                    struct redis_link **ret_link)
{
    struct redis_url url;
    int fault = redis_url_parse(options->url, &url);
    if (fault)
        return fault;
    struct redis_link *link = memory_zalloc(sizeof(*link));
    fault = uv_timer_init(loop, &link->timer);
    if (fault) {
        free(link);
        return fault;
    }
    link->timer.data = link;
    link->loop = loop;
    link->url = url;
    link->options = *options;
    link->options.url = NULL; /* url holds it */
    link->options.name = link->name = memory_strdup(options->name);
    link->options.prefix = link->prefix = memory_strdup(options->prefix);
    if (options->pattern)
        link->options.pattern = link->full_pattern = join(options->prefix, options->pattern);
    link->state = DOWN;
    link->backoff_ms = BACKOFF_FIRST_MS;
    link->log_limit.interval_ms = LOG_INTERVAL_MS;
    set_timer(link, 0);
    *ret_link = link;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct redis_link *link = handle->data;
    void (*on_closed)(void *) = link->on_closed;
    void *owner = link->closed_owner;
    free(link->name);
    free(link->prefix);
    free(link->full_pattern);
    sodium_memzero(&link->url, sizeof(link->url));
    free(link);
    if (on_closed)
        on_closed(owner);
}

void redis_link_close(struct redis_link *link, void (*on_closed)(void *owner), void *owner)
{
    if (!link)
        return;
    assert(link->state != CLOSED);
    link->state = CLOSED;
    link->on_closed = on_closed;
    link->closed_owner = owner;
    discard_connection(link);
    uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}

bool redis_link_up(const struct redis_link *link)
{
    return link->state == UP;
}

static void on_published(redisAsyncContext *connection, void *data, void *user)
{
    struct redis_link *link = connection->data;
    const redisReply *reply = data;
    if (!link)
        return;
    link->unacknowledged_bytes -= (size_t)(uintptr_t)user;
    if (!reply)
        return;
    heard(link);
    if (reply->type == REDIS_REPLY_ERROR)
        log_limited(&link->log_limit, LOG_LEVEL_WARNING, "redis %s: %s", link->name, reply->str);
}

int redis_link_publish(struct redis_link *link, const char *channel, const void *bytes,
                       size_t length)
{
    if (link->state != UP)
        return -ENOTCONN;
    if (length > REDIS_LINK_MAX_UNACKNOWLEDGED - link->unacknowledged_bytes)
        return -ENOBUFS;
    if (redisAsyncCommand(link->connection, on_published, (void *)(uintptr_t)length,
                          "PUBLISH %s%s %b", link->prefix, channel, bytes, length))
        return -ENOTCONN;
    link->unacknowledged_bytes += length;
    return 0;
}
