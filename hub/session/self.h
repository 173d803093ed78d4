/* What a connection is told of itself: its principal, in the reply to connect and, when it changed,
 * on `session:self`, a channel of its own that it is subscribed to from the beginning and that
 * needs no position: each notice is whole. */
#ifndef MH_HUB_SELF_H
#define MH_HUB_SELF_H

#include "hub/session/protocol_codes.h"

struct buffer;
struct session;

#define SELF_CHANNEL "session:self"

/* `{…}`, as of now. */
void self_append(const struct session *session, struct buffer *out);
/* The names of the channels that the principal may be expected to want, `"…","…"`. */
void self_append_channels(const struct session *session, struct buffer *out);
/* {"t":"session",…}: the principal is another. */
void self_push_changed(struct session *session);
/* {"t":"ended","reason":"…"}; the session's end follows. */
void self_push_ended(struct session *session, enum protocol_close reason);

#endif
