/* The one table of what is asked over HTTP: method, path, authentication, handler. */
#ifndef MH_INGEST_ROUTER_H
#define MH_INGEST_ROUTER_H

#include "ingest/http/request.h"

struct ingest;

struct route {
    enum http_method method;
    const char *path; /* {} stands for one segment, request->segment */
    void (*handle)(struct ingest *ingest, struct http_request *request);
    unsigned key_scopes; /* an API key with these scopes is needed; 0: no key */
    bool track;          /* takes the older tracking shape too */
    bool token;          /* a session token is needed */
    unsigned max_body;   /* 0: as the server's */
    const char *name;    /* of those for signed-in people, as in app.routes */
    unsigned flags;      /* of access_routes.h */
};

/* The server's callbacks; `owner` is the struct ingest. */
void router_on_header(void *owner, struct http_request *request);
void router_on_request(void *owner, struct http_request *request);
void router_on_done(void *owner, struct http_request *request);
void router_on_refused(void *owner, struct http_request *request, enum reason reason);

#endif
