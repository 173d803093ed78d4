/* One client connection: who it is, what it is subscribed to, what it may still do. Made when the
 * WebSocket opens, ends in one place (session_close), freed when the socket is gone. Nothing else
 * frees it, so every callback may go on using it. Lives on the hub's loop. */
#ifndef MH_HUB_SESSION_H
#define MH_HUB_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/session/protocol.h"
#include "hub/session/sessions.h"
#include "hub/session/writer.h"
#include "shared/access/principal.h"
#include "shared/base/buffer.h"

#define SESSION_CLIENT_SIZE 37

enum session_state {
    SESSION_NEW,    /* no connect command yet */
    SESSION_OPEN,   /* has a principal */
    SESSION_CLOSING /* waits for the socket's end; sends and hears nothing more */
};

struct session {
    struct list link; /* in sessions->open, until it is gone */
    struct sessions *sessions;
    enum session_state state;
    struct writer writer;
    char client[SESSION_CLIENT_SIZE];
    struct principal *principal; /* NULL until connected */
    struct list subscriptions;   /* struct subscription */
    size_t subscription_count;
    struct buffer inbox;   /* an incomplete message */
    struct buffer replies; /* to the commands of one message, sent as one frame */
    bool batching;
    int64_t opened_ms, pinged_ms; /* monotonic */
    bool awaiting_pong;
    int64_t rate_ms;  /* when `rate_left` was last filled up */
    double rate_left; /* commands it may send now */
};

struct session *session_new(struct sessions *sessions, struct transport *transport);
/* The socket is gone: frees the session. NULL-safe. */
void session_on_gone(struct session *session);
/* A piece of a message; `last` ends it. */
void session_on_bytes(struct session *session, const void *bytes, size_t length, bool last);
void session_on_writable(struct session *session);
/* The only way a session ends by our will. Harmless when it is closing already. */
void session_close(struct session *session, enum protocol_close reason);
/* Once a second. */
void session_second(struct session *session, int64_t now_ms);

/* For commands.c and subscription.c: */
/* Sends a frame, closes the session if that cannot be done. */
void session_send(struct session *session, struct frame *frame);
/* Where a reply is to be appended; session_flush sends it unless a batch is under way. */
struct buffer *session_replies(struct session *session);
void session_flush(struct session *session);
void session_send_batch(struct session *session);
void session_reply_error(struct session *session, uint32_t id, enum protocol_error error);

#endif
