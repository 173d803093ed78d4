/* What operators and machines ask: alive, ready, metrics, the API's description. */
#ifndef MH_INGEST_HEALTH_H
#define MH_INGEST_HEALTH_H

#include "ingest/http/request.h"

struct ingest;

void health_alive(struct ingest *ingest, struct http_request *request);
void health_ready(struct ingest *ingest, struct http_request *request);
void health_metrics(struct ingest *ingest, struct http_request *request);
void health_openapi(struct ingest *ingest, struct http_request *request);

/* Brings this worker's gauges up to date, for what the other workers' /metrics tell. */
void health_update_gauges(struct ingest *ingest);

#endif
