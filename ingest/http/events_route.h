/* POST /v1/events and its older name: from a request to a verdict per event. */
#ifndef MH_INGEST_EVENTS_ROUTE_H
#define MH_INGEST_EVENTS_ROUTE_H

#include "ingest/http/request.h"

struct ingest;

void events_post(struct ingest *ingest, struct http_request *request);
/* Writes ingest->limits from the settings. */
void events_limits_init(struct ingest *ingest);
/* The limits that a sender may want to know, as a header of the reply. */
void events_limit_headers(struct ingest *ingest, struct http_request *request);

#endif
