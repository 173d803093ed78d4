/* The older tracking call {request_id, partner_id, api_key_id, manifest, status} as an event. */
#ifndef MH_INGEST_TRACK_H
#define MH_INGEST_TRACK_H

#include "ingest/events/cloudevents.h"
#include "ingest/events/json_tree.h"

/* `body` is an object; it becomes the event's data, in `scratch`. Who sent it comes from the key;
 * ids in the body must agree or be absent. */
void track_apply(const struct json_node *body, const struct event_context *context,
                 struct arena *scratch, struct arena *arena, struct event *event);

#endif
