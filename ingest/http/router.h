/* The one table of what is asked over HTTP: method, path, authentication, handler. */
#ifndef MH_INGEST_ROUTER_H
#define MH_INGEST_ROUTER_H

#include "ingest/http/request.h"

struct ingest;

struct route {
    enum http_method method;
    const char *path;
    unsigned key_scopes; /* an API key with these scopes is needed; 0: no key */
    bool track;          /* takes the older tracking shape too */
    void (*handle)(struct ingest *ingest, struct http_request *request);
};

/* The server's callbacks; `owner` is the struct ingest. */
void router_on_header(void *owner, struct http_request *request);
void router_on_request(void *owner, struct http_request *request);
void router_on_done(void *owner, struct http_request *request);
void router_on_refused(void *owner, struct http_request *request, enum reason reason);

#endif
