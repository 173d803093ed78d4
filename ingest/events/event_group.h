/* The events of one request, all of one key, on their way through a transaction. */
#ifndef MH_INGEST_EVENT_GROUP_H
#define MH_INGEST_EVENT_GROUP_H

#include "ingest/events/event.h"
#include "shared/base/list.h"

/* Owned by the request, alive until on_done. */
struct event_group {
    struct list link;
    struct event *events;
    uint32_t count;   /* of all events; only pending ones are stored */
    uint32_t pending; /* set by batcher_submit */
    int32_t partner_id, key_id;
    int environment;
    bool alone; /* was in a batch that failed: next time by itself */
    /* REASON_NONE: committed, every pending event has its verdict. REASON_UNAVAILABLE: nothing is
     * known, to be sent again. REASON_INTERNAL: rolled back, will never work. */
    void (*on_done)(struct event_group *group, enum reason outcome);
    void *owner;
};

#endif
