#include "shared/redis/redis_sentinel.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/redis/redis_adapter.h"

#define REASON_SIZE 256

struct redis_sentinel {
    uv_loop_t *loop;
    struct redis_sentinel_options options;
    redisAsyncContext *connection; /* NULL: no question is open */
    size_t current;                /* of url->addresses: the one that is or was asked */
};

/* The question's end. The connection is forgotten first, so that what it still calls finds nobody;
 * hiredis defers its freeing while one of its callbacks runs. */
static void answer(struct redis_sentinel *sentinel, const struct redis_address *master,
                   const char *why)
{
    const struct redis_address *asked = &sentinel->options.url->addresses[sentinel->current];
    char reason[REASON_SIZE];
    snprintf(reason, sizeof(reason), "sentinel %s port %d: %s", asked->host, asked->port, why);
    redis_sentinel_cancel(sentinel);
    sentinel->options.on_answer(sentinel->options.owner, master, reason);
}

/* [address, port] */
static int read_address(const redisReply *reply, struct redis_address *ret_address)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        strlen(reply->element[0]->str) >= sizeof(ret_address->host))
        return -EINVAL;
    char *end;
    long port = strtol(reply->element[1]->str, &end, 10);
    if (*end || port < 1 || port > 65535)
        return -EINVAL;
    memcpy(ret_address->host, reply->element[0]->str, strlen(reply->element[0]->str) + 1);
    ret_address->port = (int)port;
    return redis_host_valid(ret_address->host) ? 0 : -EINVAL;
}

static void on_master(redisAsyncContext *connection, void *data, void *user)
{
    struct redis_sentinel *sentinel = connection->data;
    const redisReply *reply = data;
    struct redis_address address;
    (void)user;
    if (!sentinel || !reply)
        return; /* a lost connection shows in on_disconnect */
    if (reply->type == REDIS_REPLY_ERROR)
        answer(sentinel, NULL, reply->str);
    else if (reply->type == REDIS_REPLY_NIL)
        answer(sentinel, NULL, "knows no master of this name");
    else if (read_address(reply, &address))
        answer(sentinel, NULL, "its master has no numeric address");
    else
        answer(sentinel, &address, "has answered");
}

static void on_credentials(redisAsyncContext *connection, void *data, void *user)
{
    struct redis_sentinel *sentinel = connection->data;
    const redisReply *reply = data;
    (void)user;
    if (sentinel && reply && reply->type == REDIS_REPLY_ERROR)
        answer(sentinel, NULL, reply->str);
}

/* A command that cannot be queued shows as a lost connection. */
static void send_question(const struct redis_sentinel *sentinel)
{
    const struct redis_url *url = sentinel->options.url;
    redisAsyncContext *connection = sentinel->connection;
    if (*url->sentinel_user)
        (void)redisAsyncCommand(connection, on_credentials, NULL, "AUTH %s %s", url->sentinel_user,
                                url->sentinel_password);
    else if (*url->sentinel_password)
        (void)redisAsyncCommand(connection, on_credentials, NULL, "AUTH %s",
                                url->sentinel_password);
    (void)redisAsyncCommand(connection, on_master, NULL, "SENTINEL get-master-addr-by-name %s",
                            url->master);
}

static void on_connect(const redisAsyncContext *connection, int status)
{
    struct redis_sentinel *sentinel = connection->data;
    if (!sentinel)
        return;
    if (status == REDIS_OK) {
        send_question(sentinel);
        return;
    }
    sentinel->connection = NULL; /* hiredis frees it after this call */
    answer(sentinel, NULL, connection->errstr ? connection->errstr : "cannot connect");
}

static void on_disconnect(const redisAsyncContext *connection, int status)
{
    struct redis_sentinel *sentinel = connection->data;
    (void)status;
    if (!sentinel)
        return;
    sentinel->connection = NULL;
    answer(sentinel, NULL, "connection closed");
}

int redis_sentinel_ask(struct redis_sentinel *sentinel)
{
    const struct redis_url *url = sentinel->options.url;
    assert(!sentinel->connection);
    sentinel->current = (sentinel->current + 1) % url->address_count;
    const struct redis_address *address = &url->addresses[sentinel->current];
    redisAsyncContext *connection = redisAsyncConnect(address->host, address->port);
    if (!connection)
        return -ENOMEM;
    int error = connection->err ? -EIO : redis_adapter_attach(connection, sentinel->loop);
    if (error) {
        redisAsyncFree(connection);
        return error;
    }
    sentinel->connection = connection;
    connection->data = sentinel;
    redisAsyncSetConnectCallback(connection, on_connect);
    redisAsyncSetDisconnectCallback(connection, on_disconnect);
    return 0;
}

void redis_sentinel_cancel(struct redis_sentinel *sentinel)
{
    redisAsyncContext *connection = sentinel->connection;
    if (!connection)
        return;
    sentinel->connection = NULL;
    connection->data = NULL;
    redisAsyncFree(connection);
}

struct redis_sentinel *redis_sentinel_new(uv_loop_t *loop,
                                          const struct redis_sentinel_options *options)
{
    struct redis_sentinel *sentinel = memory_zalloc(sizeof(*sentinel));
    sentinel->loop = loop;
    sentinel->options = *options;
    sentinel->current = options->url->address_count - 1;
    return sentinel;
}

void redis_sentinel_free(struct redis_sentinel *sentinel)
{
    if (!sentinel)
        return;
    redis_sentinel_cancel(sentinel);
    free(sentinel);
}
