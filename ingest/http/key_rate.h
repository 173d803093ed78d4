/* What a key may send in a second. */
#ifndef MH_INGEST_KEY_RATE_H
#define MH_INGEST_KEY_RATE_H

#include "ingest/http/request.h"

struct ingest;

/* Whether the bucket of request->key has room for `count` events; answers 429 if not. A question
 * counts as one. */
bool key_take_rate(struct ingest *ingest, struct http_request *request, uint32_t count);

#endif
