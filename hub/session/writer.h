/* The outgoing side of one session. A frame goes straight to the socket while that takes it; else
 * it waits here, as a reference to the same bytes that wait for others. Beyond the hard limit, or
 * when the soft one has been exceeded for too long, the session is to be closed. Owned by a
 * session. */
#ifndef MH_HUB_WRITER_H
#define MH_HUB_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/session/transport.h"
#include "hub/settings.h"
#include "hub/stats.h"

struct writer {
    struct transport *transport;
    const struct hub_settings *settings;
    struct hub_stats *stats;
    struct frame **queue; /* a ring */
    uint32_t first, count, capacity;
    uint64_t bytes;        /* of the queue */
    int64_t over_since_ms; /* monotonic, when `bytes` passed the soft limit; 0: it has not */
};

void writer_init(struct writer *writer, struct transport *transport,
                 const struct hub_settings *settings, struct hub_stats *stats);
void writer_done(struct writer *writer);
/* Takes its own reference if it keeps the frame. 0, -ENOBUFS (hard limit), or -EIO. */
MUST_CHECK int writer_send(struct writer *writer, struct frame *frame);
/* 0, or -EIO. */
MUST_CHECK int writer_on_writable(struct writer *writer);
/* Everything has gone to the kernel. */
bool writer_idle(const struct writer *writer);

#endif
