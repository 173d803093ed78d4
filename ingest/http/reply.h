/* Replies as libmicrohttpd takes them. */
#ifndef MH_INGEST_REPLY_H
#define MH_INGEST_REPLY_H

#include <stdbool.h>

#include "ingest/http/request.h"

struct MHD_Response;

/* Bytes made ready once and sent many times, with fixed headers. `bytes` are copied. */
struct http_content *http_content_new(int status, const void *bytes, size_t length,
                                      const struct http_reply_header *headers, size_t count);
void http_content_free(struct http_content *content);
int http_content_status(const struct http_content *content);
struct MHD_Response *http_content_response(const struct http_content *content);

/* One reference, held by the caller; NULL if the library refuses. Takes over the body's memory. */
struct MHD_Response *reply_response(struct http_request *request, bool close_after);

#endif
