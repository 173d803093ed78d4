/* CloudEvents context attributes of one event, wherever they came from (headers or JSON members),
 * as name and text. */
#ifndef MH_INGEST_ATTRIBUTES_H
#define MH_INGEST_ATTRIBUTES_H

#include "ingest/events/event.h"
#include "ingest/events/json_tree.h"

#define ATTRIBUTES_MAX 32

struct attribute {
    struct text name, value;
};

struct attributes {
    unsigned count;
    struct attribute items[ATTRIBUTES_MAX];
};

/* Leaves the room for items as it is: it is large. */
static inline void attributes_init(struct attributes *attributes)
{
    attributes->count = 0;
}

/* Adds a copy; rejects `event` for a bad name, too many or a value that is not text. */
void attributes_add(struct attributes *attributes, struct arena *arena, struct event *event,
                    struct text name, struct text value);
/* The same from a ce-* header, whose value is percent-encoded UTF-8. */
void attributes_add_header(struct attributes *attributes, struct arena *arena, struct event *event,
                           const char *name, const char *value);
/* The same from a JSON member: text, boolean or integer; null counts as absent. */
void attributes_add_json(struct attributes *attributes, struct arena *arena, struct event *event,
                         const struct json_node *member);
/* bytes NULL when absent. */
struct text attributes_find(const struct attributes *attributes, const char *name);

/* Checks the required attributes and takes id, source, type, time and historical over into the
 * event. */
void attributes_apply(const struct attributes *attributes, struct event *event, int64_t now_us,
                      bool may_backfill);
/* SHA-256 over attributes in name order, time as an instant, and event->data: the same for the same
 * event in any mode. What only tells how it travelled is left out. */
void attributes_hash(struct attributes *attributes, struct event *event);

#endif
