/* Puts several merge patches of a state's stream into one (RFC 7396), for a reader who left some
 * out. Slow path: works on parsed JSON. */
#ifndef MH_HUB_FOLD_H
#define MH_HUB_FOLD_H

#include <stdbool.h>

#include "hub/channel/view.h"

/* Appends `{"t":"patch","from":a,"to":b,"at":…,"p":{…}}`, which takes a client at `offset` to the
 * view's offset, or nothing if there is no patch in between. False, and nothing appended: the state
 * itself is the better answer, since the ring does not reach back so far, or holds too much, or
 * something went away and came back meanwhile, which no single patch can say. */
bool fold_patches(const struct view *view, int64_t offset, struct buffer *out);

#endif
