/* What one audience of a channel sees: the encoded stream for a field mask, with the last patches
 * for those who come back. Each patch is encoded once and the same bytes go to every socket. A
 * view's epoch names the database's history, this process, this very view and the policy, so that a
 * position of any other is refused instead of misread. Owned by a channel. */
#ifndef MH_HUB_VIEW_H
#define MH_HUB_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/feed/feed_delta.h"
#include "shared/base/buffer.h"
#include "shared/base/frame.h"
#include "shared/base/list.h"

#define VIEW_EPOCH_SIZE (FEED_EPOCH_SIZE + 40)
/* A client that would get more than this to catch up gets the state instead. */
#define VIEW_RECOVERY_MAX_BYTES (1u << 20)

struct patch {
    int64_t to;
    struct frame *frame;                         /* {"push":{…,"pub":P}} */
    uint32_t publication_at, publication_length; /* where P is in it */
};

struct view {
    struct list link;
    struct list subscribers; /* struct subscriber */
    uint32_t mask;
    char epoch[VIEW_EPOCH_SIZE];
    int64_t offset;     /* of the last patch sent, or of the state it began with */
    int64_t dropped_to; /* newest `to` that fell out of the ring; -1: none yet */
    int64_t start;      /* offset of the state it began with */
    size_t ring_size, ring_first, ring_count;
    struct patch *ring;
    int64_t idle_since_ms; /* monotonic; 0: has subscribers */
    struct frame *state;   /* {"t":"state",…} of now, made when first asked for; NULL: not yet */
};

struct view *view_new(uint32_t mask, const char *epoch, int64_t offset, size_t ring_size);
/* NULL-safe; no subscriber may be left. */
void view_free(struct view *view);
/* Takes one patch `{"t":"patch",…}` in; returns the frame that goes to the sockets, borrowed. */
struct frame *view_publish(struct view *view, const char *channel, int64_t to,
                           const struct buffer *data);
/* May a client at (epoch, offset) be brought up to date by patches alone? */
bool view_can_recover(const struct view *view, const char *epoch, size_t epoch_length,
                      int64_t offset);
/* Appends the publications `P,P,…` that such a client lacks. A patch at its very offset is sent
 * again, since time slides values without moving the offset; patches are absolute. */
void view_append_recovery(const struct view *view, int64_t offset, struct buffer *out);

/* `{"push":{"channel":…,"pub":{"data":…,"offset":…}}}`; notes where pub's value is. */
struct frame *view_frame(const char *channel, const char *data, size_t length, int64_t offset,
                         uint32_t *ret_at, uint32_t *ret_length);

#endif
