#include "shared/redis/redis_adapter.h"

#include <stdlib.h>

#include "shared/base/memory.h"

struct adapter {
    redisAsyncContext *connection; /* NULL once hiredis has let go */
    uv_poll_t watcher;
    int wanted, watched; /* events */
};

static void on_poll(uv_poll_t *watcher, int status, int events);

static void update(struct adapter *adapter)
{
    if (!adapter->connection || adapter->wanted == adapter->watched)
        return;
    adapter->watched = adapter->wanted;
    if (adapter->wanted)
        uv_poll_start(&adapter->watcher, adapter->wanted, on_poll);
    else
        uv_poll_stop(&adapter->watcher);
}

/* Each call of hiredis may end the connection, and with it clear adapter->connection. */
static void on_poll(uv_poll_t *watcher, int status, int events)
{
    struct adapter *adapter = watcher->data;
    if (status < 0) {
        /* libuv has stopped the watcher; hiredis finds the error by trying. */
        adapter->watched = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    if (adapter->connection && (events & UV_READABLE))
        redisAsyncHandleRead(adapter->connection);
    if (adapter->connection && (events & UV_WRITABLE))
        redisAsyncHandleWrite(adapter->connection);
    update(adapter);
}

static void want(struct adapter *adapter, int events)
{
    adapter->wanted = events;
    update(adapter);
}

static void add_read(void *data)
{
    struct adapter *adapter = data;
    want(adapter, adapter->wanted | UV_READABLE);
}

static void del_read(void *data)
{
    struct adapter *adapter = data;
    want(adapter, adapter->wanted & ~UV_READABLE);
}

static void add_write(void *data)
{
    struct adapter *adapter = data;
    want(adapter, adapter->wanted | UV_WRITABLE);
}

static void del_write(void *data)
{
    struct adapter *adapter = data;
    want(adapter, adapter->wanted & ~UV_WRITABLE);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* hiredis calls this before it closes the descriptor. */
static void cleanup(void *data)
{
    struct adapter *adapter = data;
    adapter->connection = NULL;
    uv_close((uv_handle_t *)&adapter->watcher, on_closed);
}

int redis_adapter_attach(redisAsyncContext *connection, uv_loop_t *loop)
{
    struct adapter *adapter = memory_zalloc(sizeof(*adapter));
    int fault = uv_poll_init(loop, &adapter->watcher, connection->c.fd);
    if (fault) {
        free(adapter);
        return fault;
    }
    adapter->watcher.data = adapter;
    adapter->connection = connection;
    connection->ev.data = adapter;
    connection->ev.addRead = add_read;
    connection->ev.delRead = del_read;
    connection->ev.addWrite = add_write;
    connection->ev.delWrite = del_write;
    connection->ev.cleanup = cleanup;
    return 0;
}
