/* The newest publications of a view, for those who come back: each encoded once, as the frame that
 * the sockets got. Bounded by number and by bytes. Owned by a view. */
#ifndef MH_HUB_RING_H
#define MH_HUB_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/frame.h"

/* So that readers who stopped reading keep little alive beside their own queues. */
#define RING_MAX_BYTES (256u << 10)

struct publication {
    int64_t offset;
    struct frame *frame; /* {"push":{"channel":…,"pub":P}} */
    uint32_t at, length; /* where P is in it */
};

struct ring {
    size_t limit; /* publications */
    size_t first, count, capacity;
    size_t bytes;
    struct publication *slots;
};

void ring_init(struct ring *ring, size_t limit);
void ring_done(struct ring *ring);
/* Takes over the frame's reference. Returns the offset of the last publication that had to go, or
 * -1: none had to. */
int64_t ring_push(struct ring *ring, struct publication publication);
/* Puts an older publication before the others, if there is room; takes over the reference. */
bool ring_prepend(struct ring *ring, struct publication publication);
const struct publication *ring_at(const struct ring *ring, size_t i);
/* Index of the first publication with an offset of at least `offset`; ring->count: none. */
size_t ring_find(const struct ring *ring, int64_t offset);
/* Appends the publications from index `i` on as `P,P,…`, after a comma if `comma`. */
void ring_append(const struct ring *ring, size_t i, bool comma, struct buffer *out);
/* Bytes that ring_append would add, without the commas. */
size_t ring_size(const struct ring *ring, size_t i);

/* Encodes `{"push":{"channel":…,"pub":{"data":…,"offset":…}}}`; offset 0: without. One reference.
 */
struct publication publication_encode(const char *channel, const char *data, size_t length,
                                      int64_t offset);

#endif
