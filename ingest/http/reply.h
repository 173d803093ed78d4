/* Replies as bytes. */
#ifndef MH_INGEST_REPLY_H
#define MH_INGEST_REPLY_H

#include <stdbool.h>

#include "ingest/http/request.h"

/* Bytes made ready once and sent many times, with fixed headers. `bytes` are copied. */
struct http_content *http_content_new(int status, const void *bytes, size_t length,
                                      const struct http_reply_header *headers, size_t count);
void http_content_free(struct http_content *content);
int http_content_status(const struct http_content *content);

/* Puts status line and headers into `head`, and says where the body is, which lives as long as the
 * request (length 0: none is sent). `date` is the value of the Date header. */
void reply_write(const struct http_request *request, const char *date, bool close_after,
                 struct buffer *head, const char **ret_body, size_t *ret_length);

#endif
