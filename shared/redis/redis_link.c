/* States and their one timer: DOWN (the pause before the next attempt), ASKING (the limit of one
 * sentinel's answer), CONNECTING (the attempt's limit, up to the answer that proves that we are
 * signed in), UP (the beat), CLOSED. `connection` is forgotten first and freed then, with its
 * `data` cleared, so that whatever hiredis calls while it dies finds no link. */
#include "shared/redis/redis_link.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/buffer.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/redis/redis_adapter.h"
#include "shared/redis/redis_sentinel.h"
#include "shared/redis/redis_url.h"

#define ASK_TIMEOUT_MS 1000
#define CONNECT_TIMEOUT_MS 5000
#define BEAT_MS 2000
#define UNANSWERED_BEATS 3 /* counted, not timed: we may have been stopped ourselves */
#define BACKOFF_FIRST_MS 50
#define BACKOFF_LAST_MS 5000
#define LOG_INTERVAL_MS 5000
#define REASON_SIZE 256

enum state { DOWN, ASKING, CONNECTING, UP, CLOSED };

struct redis_link {
    uv_loop_t *loop;
    enum state state;
    struct redis_link_options options; /* strings owned */
    char *name, *prefix, *full_pattern;
    struct redis_url url;
    struct redis_sentinel *sentinel; /* NULL: the URL names Redis itself */
    size_t asked;                    /* sentinels, in this attempt */

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
static void heard(struct redis_link *link);

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

static bool says_master(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
           reply->element[0]->type == REDIS_REPLY_STRING &&
           strcmp(reply->element[0]->str, "master") == 0;
}

/* A sentinel may not have heard yet that this server is no master any more. `user`: the answer is
 * also a beat's. */
static void on_role(redisAsyncContext *connection, void *data, void *user)
{
    struct redis_link *link = connection->data;
    const redisReply *reply = data;
    if (!link || !reply)
        return;
    if (reply->type == REDIS_REPLY_ERROR)
        drop(link, reply->str);
    else if (!says_master(reply))
        drop(link, "this server is not the master");
    else if (user)
        heard(link);
}

static int send_beat(struct redis_link *link)
{
    if (link->full_pattern)
        return redisAsyncCommand(link->connection, on_sign_of_life, NULL, "PSUBSCRIBE %s",
                                 link->full_pattern);
    if (link->sentinel)
        return redisAsyncCommand(link->connection, on_role, link, "ROLE");
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
    if (!fault && link->sentinel && link->full_pattern) /* else the beat asks it */
        fault = redisAsyncCommand(link->connection, on_role, NULL, "ROLE");
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

static redisAsyncContext *start_connection(const struct redis_url *url,
                                           const struct redis_address *address)
{
    return *url->path ? redisAsyncConnectUnix(url->path)
                      : redisAsyncConnect(address->host, address->port);
}

static void connect_begin(struct redis_link *link, const struct redis_address *address)
{
    redisAsyncContext *connection = start_connection(&link->url, address);
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

/* --- sentinels --- */

static void ask_next(struct redis_link *link, const char *reason)
{
    link->state = ASKING;
    while (link->asked < link->url.address_count) {
        link->asked++;
        if (redis_sentinel_ask(link->sentinel) == 0) {
            set_timer(link, ASK_TIMEOUT_MS);
            return;
        }
    }
    lost(link, reason);
}

static void on_answer(void *owner, const struct redis_address *master, const char *reason)
{
    struct redis_link *link = owner;
    if (master)
        connect_begin(link, master);
    else
        ask_next(link, reason);
}

static void attempt(struct redis_link *link)
{
    link->asked = 0;
    if (link->sentinel)
        ask_next(link, "no sentinel can be reached");
    else
        connect_begin(link, link->url.addresses);
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
    if (link->state == DOWN) {
        attempt(link);
    } else if (link->state == ASKING) {
        redis_sentinel_cancel(link->sentinel);
        ask_next(link, "no sentinel answers in time");
    } else if (link->state == CONNECTING) {
        drop(link, "connecting took too long");
    } else {
        beat(link);
    }
}

/* --- interface --- */

/* The prefix stands for itself, whatever a pattern makes of its characters. */
static char *pattern_under(const char *prefix, const char *pattern)
{
    struct buffer out = BUFFER_INIT;
    for (const char *c = prefix; *c; c++) {
        if (strchr("*?[]\\", *c))
            buffer_append(&out, "\\", 1);
        buffer_append(&out, c, 1);
    }
    buffer_append(&out, pattern, strlen(pattern) + 1);
    return out.data;
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
        link->options.pattern = link->full_pattern =
            pattern_under(options->prefix, options->pattern);
    if (*url.master)
        link->sentinel =
            redis_sentinel_new(loop, &(struct redis_sentinel_options){
                                         .url = &link->url, .on_answer = on_answer, .owner = link});
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
    redis_sentinel_free(link->sentinel);
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

/* --- commands --- */

struct command {
    redis_reply_fn *on_reply;
    void *owner;
    size_t bytes;
};

/* Called with every answer, and without one when the connection ends. */
static void on_command_reply(redisAsyncContext *connection, void *data, void *user)
{
    struct redis_link *link = connection->data;
    struct command command = *(struct command *)user;
    free(user);
    if (link) {
        link->unacknowledged_bytes -= command.bytes;
        if (data)
            heard(link);
    }
    if (command.on_reply)
        command.on_reply(command.owner, data);
}

int redis_link_command(struct redis_link *link, int count, const char *const words[],
                       const size_t lengths[], redis_reply_fn *on_reply, void *owner)
{
    size_t bytes = 0;
    assert(!link->full_pattern);
    for (int i = 0; i < count; i++)
        bytes += lengths[i];
    if (link->state != UP)
        return -ENOTCONN;
    if (bytes > REDIS_LINK_MAX_UNACKNOWLEDGED - link->unacknowledged_bytes)
        return -ENOBUFS;
    struct command *command = memory_alloc(sizeof(*command));
    *command = (struct command){on_reply, owner, bytes};
    /* hiredis forgot a const: it copies the words. */
    if (redisAsyncCommandArgv(link->connection, on_command_reply, command, count,
                              (const char **)(uintptr_t)words, lengths)) {
        free(command);
        return -ENOTCONN;
    }
    link->unacknowledged_bytes += bytes;
    return 0;
}
