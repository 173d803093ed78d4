#include "ingest/http/request.h"

#include <string.h>
#include <strings.h>

#include "ingest/http/decoder.h"
#include "shared/base/percent.h"

const char *http_request_header(const struct http_request *request, const char *name)
{
    for (unsigned i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

/* The value behind `name=` in a list, up to one of `ends`; a copy in the arena, or NULL. */
static char *find_pair(struct http_request *request, const char *list, const char *name,
                       const char *ends)
{
    size_t length = strlen(name);
    while (*list) {
        list += strspn(list, " \t");
        size_t size = strcspn(list, ends);
        if (size > length && strncmp(list, name, length) == 0 && list[length] == '=') {
            struct text value = arena_text(&request->arena, list + length + 1, size - length - 1);
            return (char *)(uintptr_t)value.bytes;
        }
        list += size;
        list += *list != '\0';
    }
    return NULL;
}

const char *http_request_cookie(struct http_request *request, const char *name)
{
    char *value = NULL;
    for (unsigned i = 0; i < request->header_count && !value; i++)
        if (strcasecmp(request->headers[i].name, "Cookie") == 0)
            value = find_pair(request, request->headers[i].value, name, ";");
    size_t length = value ? strlen(value) : 0;
    while (length && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        value[--length] = '\0';
    if (length < 2 || value[0] != '"' || value[length - 1] != '"')
        return value;
    value[length - 1] = '\0';
    return value + 1;
}

const char *http_request_query(struct http_request *request, const char *name)
{
    char *value = find_pair(request, request->query, name, "&");
    return value && percent_decode(value, true) ? value : NULL;
}

const char *http_request_bearer(const struct http_request *request)
{
    const char *header = http_request_header(request, "Authorization");
    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    header += 7;
    while (*header == ' ')
        header++;
    return *header ? header : NULL;
}

void http_request_each_header(const struct http_request *request,
                              bool (*on_header)(void *owner, const char *name, const char *value),
                              void *owner)
{
    for (unsigned i = 0; i < request->header_count; i++)
        if (!on_header(owner, request->headers[i].name, request->headers[i].value))
            return;
}
