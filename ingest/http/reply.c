#include "ingest/http/reply.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

struct http_content {
    int status;
    struct buffer headers; /* lines */
    char *bytes;
    size_t length;
};

static const struct {
    int status;
    const char *line;
} status_lines[] = {
    {200, "HTTP/1.1 200 OK\r\n"},
    {201, "HTTP/1.1 201 Created\r\n"},
    {202, "HTTP/1.1 202 Accepted\r\n"},
    {204, "HTTP/1.1 204 No Content\r\n"},
    {304, "HTTP/1.1 304 Not Modified\r\n"},
    {400, "HTTP/1.1 400 Bad Request\r\n"},
    {401, "HTTP/1.1 401 Unauthorized\r\n"},
    {403, "HTTP/1.1 403 Forbidden\r\n"},
    {404, "HTTP/1.1 404 Not Found\r\n"},
    {405, "HTTP/1.1 405 Method Not Allowed\r\n"},
    {408, "HTTP/1.1 408 Request Timeout\r\n"},
    {409, "HTTP/1.1 409 Conflict\r\n"},
    {413, "HTTP/1.1 413 Content Too Large\r\n"},
    {415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
    {422, "HTTP/1.1 422 Unprocessable Content\r\n"},
    {429, "HTTP/1.1 429 Too Many Requests\r\n"},
    {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
    {500, "HTTP/1.1 500 Internal Server Error\r\n"},
    {503, "HTTP/1.1 503 Service Unavailable\r\n"},
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

static void append_status(struct buffer *out, int status)
{
    for (size_t i = 0; i < ARRAY_LENGTH(status_lines); i++) {
        if (status_lines[i].status == status) {
            buffer_append_text(out, status_lines[i].line);
            return;
        }
    }
    buffer_printf(out, "HTTP/1.1 %d \r\n", status);
}

static void append_header(struct buffer *out, const char *name, const char *value)
{
    buffer_append_text(out, name);
    buffer_append(out, ": ", 2);
    buffer_append_text(out, value);
    buffer_append(out, "\r\n", 2);
}

static void append_headers(struct buffer *out, const struct http_reply *reply)
{
    if (reply->content_type)
        append_header(out, "Content-Type", reply->content_type);
    for (unsigned i = 0; i < reply->header_count; i++)
        append_header(out, reply->headers[i].name, reply->headers[i].value);
}

void reply_write(const struct http_request *request, const char *date, bool close_after,
                 struct buffer *head, const char **ret_body, size_t *ret_length)
{
    const struct http_reply *reply = &request->reply;
    const struct http_content *content = reply->content;
    size_t length = content ? content->length : reply->body.length;
    bool has_length = reply->status != 204 && reply->status != 304;
    append_status(head, reply->status);
    append_header(head, "Date", date);
    if (content)
        buffer_append(head, content->headers.data, content->headers.length);
    else
        append_headers(head, reply);
    if (has_length) {
        buffer_append_text(head, "Content-Length: ");
        buffer_append_i64(head, (int64_t)length);
        buffer_append(head, "\r\n", 2);
    }
    if (close_after)
        append_header(head, "Connection", "close");
    else if (request->old)
        append_header(head, "Connection", "keep-alive");
    buffer_append(head, "\r\n", 2);
    *ret_body = content ? content->bytes : reply->body.data;
    *ret_length = has_length && !request->head_only ? length : 0;
}

struct http_content *http_content_new(int status, const void *bytes, size_t length,
                                      const struct http_reply_header *headers, size_t count)
{
    struct http_content *content = memory_zalloc(sizeof(*content));
    content->status = status;
    content->bytes = length ? memory_strndup(bytes, length) : NULL;
    content->length = length;
    for (size_t i = 0; i < count; i++)
        append_header(&content->headers, headers[i].name, headers[i].value);
    return content;
}

int http_content_status(const struct http_content *content)
{
    return content->status;
}

void http_content_free(struct http_content *content)
{
    if (!content)
        return;
    buffer_done(&content->headers);
    free(content->bytes);
    free(content);
}
