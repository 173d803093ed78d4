/* Requests that are over, kept with their first memory for the next ones: a request in the usual
 * size then allocates next to nothing. */
#ifndef MH_INGEST_REQUEST_POOL_H
#define MH_INGEST_REQUEST_POOL_H

#include "ingest/http/request.h"

/* Zero-initialise. */
struct request_pool {
    struct http_request *spares;
    unsigned count;
};

/* All zero but for the memory of arena, body and reply. */
struct http_request *request_pool_take(struct request_pool *pool);
void request_pool_give(struct request_pool *pool, struct http_request *request);
void request_pool_done(struct request_pool *pool);

#endif
