/* The older tracking call {request_id, partner_id, api_key_id, manifest, status} as an event. */
#ifndef MH_INGEST_TRACK_H
#define MH_INGEST_TRACK_H

#include <jansson.h>

#include "ingest/events/cloudevents.h"

/* `body` is an object. Who sent it comes from the key; ids in the body must agree or be absent. */
void track_apply(json_t *body, const struct event_context *context, struct arena *arena,
                 struct event *event);

#endif
