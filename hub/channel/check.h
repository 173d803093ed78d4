/* Checks: what lets subscribers judge the copy that they have. A publication without an offset,
 * `{"t":"check","to":…,"h":…,"checked":…,"degraded":{…}}`: the digest of the state at position
 * `to`, when the database last confirmed that there is nothing newer, and since when a part of the
 * service is away. Sent after some publications of a state, else once per heartbeat of silence, so
 * that more of it means that something is wrong. Uses the fields of the channel and the view that
 * are named for it; no state of its own. */
#ifndef MH_HUB_CHECK_H
#define MH_HUB_CHECK_H

#include <stdint.h>

#include "shared/base/buffer.h"

struct channel;
struct view;

/* Appends the check of a view whose subscribers have, or are about to get, all that it published.
 */
void check_append(struct channel *channel, struct view *view, struct buffer *out);
/* To the views that have published enough, or been silent for long enough. */
void check_send_due(struct channel *channel, int64_t now_ms);
void check_send_all(struct channel *channel);

#endif
