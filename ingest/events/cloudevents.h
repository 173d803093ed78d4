/* Decodes what integrators post: CloudEvents 1.0 over HTTP in binary, structured and batched mode,
 * newline-delimited events, and the older tracking shape {request_id, partner_id, api_key_id,
 * manifest, status}. Pure: bytes in, events with verdicts out; no clock, no I/O. */
#ifndef MH_INGEST_CLOUDEVENTS_H
#define MH_INGEST_CLOUDEVENTS_H

#include "ingest/events/event.h"

enum event_mode {
    EVENT_MODE_BINARY,     /* attributes in ce-* headers, the body is data */
    EVENT_MODE_STRUCTURED, /* application/cloudevents+json */
    EVENT_MODE_BATCH,      /* application/cloudevents-batch+json */
    EVENT_MODE_LINES,      /* application/x-ndjson, one structured event per line */
    EVENT_MODE_TRACK       /* application/json on the tracking path: one object or an array */
};

/* The mode for a Content-Type (NULL: none given), or REASON_MEDIA_TYPE. */
enum reason event_mode_parse(const char *content_type, bool has_ce_headers, bool track_path,
                             enum event_mode *ret_mode);

/* One ce-* header, the prefix cut; as received (percent-encoded). */
struct event_header {
    const char *name, *value;
};

struct event_context {
    int64_t now_us;
    uint32_t max_events;
    unsigned max_depth;
    bool may_backfill; /* the key has the scope events:historical */
    int32_t partner_id, key_id;
    const char *partner_code, *key_public_id;
};

struct event_batch {
    struct arena *arena; /* borrowed: holds the events and their strings */
    struct event *events;
    uint32_t count, capacity;
    bool single; /* the request was one event and not a list of one */
};

void event_batch_init(struct event_batch *batch, struct arena *arena);

/* REASON_NONE: every event of the request is in `batch`, each pending or rejected. Any other
 * reason refuses the whole request. `body` is borrowed as long as the batch lives. */
enum reason event_batch_decode(struct event_batch *batch, enum event_mode mode,
                               const struct event_header *headers, size_t header_count,
                               const char *body, size_t length,
                               const struct event_context *context);

#endif
