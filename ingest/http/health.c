#include "ingest/http/health.h"

#include "ingest/http/problem.h"
#include "ingest/ingest.h"
#include "shared/base/time.h"

/* ingest/openapi.json, compiled in. */
extern const unsigned char openapi_json[];
extern const size_t openapi_json_length;

void health_alive(struct ingest *ingest, struct http_request *request)
{
    struct buffer *out = &request->reply.body;
    buffer_printf(out, "{\"status\":\"alive\",\"uptime_ms\":%lld}",
                  (long long)(time_wall_us() - ingest->started_us) / 1000);
    http_reply_header(request, "Cache-Control", "no-store");
    http_request_answer(request, 200, JSON_TYPE);
}

static void write_since(struct buffer *out, int64_t since_us)
{
    char text[TIME_RFC3339_SIZE];
    if (since_us == 0)
        return;
    time_format_rfc3339(since_us, text);
    buffer_printf(out, ",\"degraded_since\":\"%s\"", text);
}

void health_ready(struct ingest *ingest, struct http_request *request)
{
    struct buffer *out = &request->reply.body;
    bool ready = ingest_ready(ingest);
    buffer_printf(out, "{\"ready\":%s,\"draining\":%s,\"postgres\":{\"lanes\":%lld,\"up\":%u",
                  ready ? "true" : "false", ingest->drain_deadline_us ? "true" : "false",
                  (long long)ingest->settings.lanes, batcher_lanes_up(ingest->batcher));
    write_since(out, ingest->postgres_down_since_us);
    buffer_printf(out, "},\"redis\":{\"up\":%s",
                  publisher_up(ingest->publisher) ? "true" : "false");
    write_since(out, ingest->redis_down_since_us);
    buffer_append_text(out, "}}");
    http_reply_header(request, "Cache-Control", "no-store");
    http_request_answer(request, ready ? 200 : 503, JSON_TYPE);
}

void health_update_gauges(struct ingest *ingest)
{
    ingest->counters->now = (struct gauges){
        .queued_events = batcher_queued(ingest->batcher),
        .postgres_lanes_up = batcher_lanes_up(ingest->batcher),
        .redis_up = publisher_up(ingest->publisher),
        .connections = http_server_connections(ingest->server),
        .open_requests = http_server_open_requests(ingest->server),
    };
}

void health_metrics(struct ingest *ingest, struct http_request *request)
{
    struct buffer *out = &request->reply.body;
    health_update_gauges(ingest);
    counters_write(ingest->workers, out);
    prometheus_gauge(out, "mh_ingest_start_time_seconds", "Unix time of the start",
                     (double)ingest->program_started_us * 1e-6);
    http_reply_header(request, "Cache-Control", "no-store");
    http_request_answer(request, 200, PROMETHEUS_CONTENT_TYPE);
}

void health_openapi(struct ingest *ingest, struct http_request *request)
{
    (void)ingest;
    buffer_append(&request->reply.body, openapi_json, openapi_json_length);
    http_reply_header(request, "Cache-Control", "public, max-age=300");
    http_reply_header(request, "Access-Control-Allow-Origin", "*");
    http_request_answer(request, 200, JSON_TYPE);
}
