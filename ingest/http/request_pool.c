#include "ingest/http/request_pool.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

/* None are kept where use after free is looked for. */
#ifdef __SANITIZE_ADDRESS__
static const unsigned max_spares = 0;
#else
static const unsigned max_spares = 256;
#endif
#define SPARE_BODY_BYTES ((size_t)16 * 1024)

struct http_request *request_pool_take(struct request_pool *pool)
{
    struct http_request *request = pool->spares;
    if (!request)
        return memory_zalloc(sizeof(*request));
    struct arena arena = request->arena;
    struct buffer body = request->body, reply = request->reply.body;
    pool->spares = request->next_spare;
    pool->count--;
    memset(request, 0, sizeof(*request));
    request->arena = arena;
    request->body = body;
    request->reply.body = reply;
    return request;
}

static void request_free(struct http_request *request)
{
    buffer_done(&request->body);
    buffer_done(&request->reply.body);
    arena_done(&request->arena);
    free(request);
}

/* Kept for the next request unless it is large. */
static void spare(struct buffer *buffer)
{
    if (buffer->capacity > SPARE_BODY_BYTES)
        buffer_done(buffer);
    buffer_clear(buffer);
}

void request_pool_give(struct request_pool *pool, struct http_request *request)
{
    if (pool->count >= max_spares) {
        request_free(request);
        return;
    }
    spare(&request->body);
    spare(&request->reply.body);
    arena_reset(&request->arena);
    request->next_spare = pool->spares;
    pool->spares = request;
    pool->count++;
}

void request_pool_done(struct request_pool *pool)
{
    while (pool->spares) {
        struct http_request *request = pool->spares;
        pool->spares = request->next_spare;
        request_free(request);
    }
    pool->count = 0;
}
