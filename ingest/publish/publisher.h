/* Tells the hubs through Redis what was committed: a hint, fast and lossy. A hub that misses one
 * reads the channel log, so nothing is kept or tried again here. */
#ifndef MH_INGEST_PUBLISHER_H
#define MH_INGEST_PUBLISHER_H

#include <stdbool.h>
#include <uv.h>

#include "ingest/counters.h"
#include "ingest/events/batcher.h"

struct publisher;

struct publisher_options {
    const char *url, *prefix;
    struct counters *counters;
    void (*on_state)(void *owner);
    void *owner;
};

MUST_CHECK int publisher_open(uv_loop_t *loop, const struct publisher_options *options,
                              struct publisher **ret_publisher);
void publisher_send(struct publisher *publisher, const struct feed_message *message);
bool publisher_up(const struct publisher *publisher);
void publisher_close(struct publisher *publisher, void (*on_closed)(void *owner), void *owner);

#endif
