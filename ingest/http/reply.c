#include "ingest/http/reply.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

struct http_content {
    struct MHD_Response *response;
    int status;
};

void http_reply_header(struct http_request *request, const char *name, const char *value)
{
    struct http_reply *reply = &request->reply;
    for (unsigned i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            reply->headers[i].value = value;
            return;
        }
    }
    if (reply->header_count < HTTP_MAX_REPLY_HEADERS)
        reply->headers[reply->header_count++] = (struct http_reply_header){name, value};
}

/* Hands the body's memory to libmicrohttpd. */
struct MHD_Response *reply_response(struct http_request *request, bool close_after)
{
    struct http_reply *reply = &request->reply;
    struct MHD_Response *response;
    if (reply->body.length)
        response = MHD_create_response_from_buffer(reply->body.length, reply->body.data,
                                                   MHD_RESPMEM_MUST_FREE);
    else
        response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return NULL;
    if (reply->body.length)
        reply->body = (struct buffer)BUFFER_INIT;
    if (reply->content_type)
        (void)MHD_add_response_header(response, "Content-Type", reply->content_type);
    for (unsigned i = 0; i < reply->header_count; i++)
        (void)MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    if (close_after)
        (void)MHD_add_response_header(response, "Connection", "close");
    return response;
}

struct http_content *http_content_new(int status, const void *bytes, size_t length,
                                      const struct http_reply_header *headers, size_t count)
{
    struct http_content *content = memory_alloc(sizeof(*content));
    content->status = status;
    content->response = MHD_create_response_from_buffer_with_free_callback(
        length, length ? memory_strndup(bytes, length) : NULL, free);
    if (!content->response)
        abort();
    for (size_t i = 0; i < count; i++)
        (void)MHD_add_response_header(content->response, headers[i].name, headers[i].value);
    return content;
}

int http_content_status(const struct http_content *content)
{
    return content->status;
}

struct MHD_Response *http_content_response(const struct http_content *content)
{
    return content->response;
}

void http_content_free(struct http_content *content)
{
    if (!content)
        return;
    MHD_destroy_response(content->response);
    free(content);
}
