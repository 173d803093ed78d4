/* Requests of signed-in people, all of them in one way: who asks (the cookie), from which page
 * (Origin), the query and the body go to api.request() in Postgres under the route's name; what
 * comes back is the answer or the problem, and what it wrote to channels is published. Programs
 * that read some of them by an API key are answered by api.key_request() alike. Which routes there
 * are: access_routes.c. */
#ifndef MH_INGEST_ACCESS_ROUTE_H
#define MH_INGEST_ACCESS_ROUTE_H

#include "ingest/http/request.h"

#define ACCESS_MAX_BODY (64u * 1024)
#define ACCESS_MAX_IMPORT (1024u * 1024)

struct ingest;

void access_request(struct ingest *ingest, struct http_request *request);

#endif
