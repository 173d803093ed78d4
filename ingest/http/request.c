#include "ingest/http/request.h"

#include <microhttpd.h>

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_request_cookie(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, name);
}

struct header_visit {
    bool (*on_header)(void *owner, const char *name, const char *value);
    void *owner;
};

static enum MHD_Result on_value(void *owner, enum MHD_ValueKind kind, const char *name,
                                const char *value)
{
    struct header_visit *visit = owner;
    (void)kind;
    return visit->on_header(visit->owner, name, value ? value : "") ? MHD_YES : MHD_NO;
}

void http_request_each_header(const struct http_request *request,
                              bool (*on_header)(void *owner, const char *name, const char *value),
                              void *owner)
{
    struct header_visit visit = {on_header, owner};
    (void)MHD_get_connection_values(request->connection, MHD_HEADER_KIND, on_value, &visit);
}
