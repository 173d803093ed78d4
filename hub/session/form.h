/* How a session speaks to its client: as the two-way protocol, or as a one-way stream of events.
 * What it may see, its limits and its end are the same for both. */
#ifndef MH_HUB_FORM_H
#define MH_HUB_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "hub/session/protocol_codes.h"

struct batch;
struct buffer;
struct frame;
struct session;
struct subscription;
struct view;

struct session_form {
    int64_t expiry_grace_ms; /* how long an expired token is put up with */
    /* The subscription has begun at its view's offset; see subscriber_ops.ready. Appends to
     * session_replies. */
    void (*ready)(struct subscription *subscription, const struct buffer *missed);
    /* It cannot begin. Ends it. */
    void (*fail)(struct subscription *subscription, enum protocol_error error);
    /* It had begun and is over. Ends it. */
    void (*revoke)(struct subscription *subscription, enum protocol_unsubscribe code);
    /* A batch of the view as one frame; borrowed. */
    struct frame *(*batch)(const struct view *view, struct batch *batch);
    /* One publication at the view's offset; one reference. */
    struct frame *(*publication)(const struct view *view, const char *data, size_t length);
    /* Each second; or NULL. */
    void (*second)(struct session *session);
    /* Each ping_interval. */
    void (*ping)(struct session *session);
    /* The client took something; or NULL. */
    void (*progress)(struct session *session);
    /* The token still holds: begins what waited for that. */
    void (*admit)(struct session *session);
    /* It does not (TOKEN_EXPIRED), or that cannot be found out (INTERNAL). */
    void (*refuse)(struct session *session, enum protocol_error error);
    /* It has another principal; or NULL. */
    void (*changed)(struct session *session);
    /* Its session is over; it is closed next. */
    void (*ended)(struct session *session, enum protocol_close reason);
    /* A last word, if there is a way to say it; or NULL. */
    void (*goodbye)(struct session *session, enum protocol_close reason);
};

extern const struct session_form form_commands, form_events;

#endif
