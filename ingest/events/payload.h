/* The `data` of an event: one table of members says what each may be and where it goes. */
#ifndef MH_INGEST_PAYLOAD_H
#define MH_INGEST_PAYLOAD_H

#include "ingest/events/event.h"
#include "ingest/events/json_tree.h"

/* Takes the known members over into the event and sets event->data to the canonical text of the
 * whole object (unknown members are kept there). Rejects with the field `data.<member>`. `data` is
 * an object. */
void payload_apply(const struct json_node *data, struct arena *arena, struct event *event);

#endif
