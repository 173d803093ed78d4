/* One client connection: who it is, what it is subscribed to, what it may still do. Made when the
 * WebSocket opens, ends in one place (session_close), freed when the socket is gone. Nothing else
 * frees it, so every callback may go on using it. Lives on the hub's loop. */
#ifndef MH_HUB_SESSION_H
#define MH_HUB_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/session/form.h"
#include "hub/session/gather.h"
#include "hub/session/protocol.h"
#include "hub/session/sessions.h"
#include "hub/session/writer.h"
#include "shared/access/principal.h"
#include "shared/base/buffer.h"

#define SESSION_CLIENT_SIZE 37

enum session_state {
    SESSION_NEW,      /* no connect command yet */
    SESSION_CHECKING, /* has a token, which Postgres is asked about; what it says meanwhile waits */
    SESSION_OPEN,     /* has a principal */
    SESSION_CLOSING   /* waits for the socket's end; sends and hears nothing more */
};

struct session {
    struct list link;   /* in sessions->open or ->closing */
    struct list review; /* in one of the review's, or in none */
    struct sessions *sessions;
    const struct session_form *form;
    enum session_state state;
    struct writer writer;
    char client[SESSION_CLIENT_SIZE];
    struct principal *principal; /* NULL until connected */
    struct list subscriptions;   /* struct subscription */
    size_t subscription_count;
    struct gather gather;  /* publications of this turn */
    struct buffer inbox;   /* an incomplete message */
    struct buffer replies; /* to the commands of one message, sent as one frame */
    bool batching;
    bool held;                    /* the inbox has whole messages, for when it is open */
    uint32_t connect_id;          /* of the command that is answered then */
    char *opening;                /* one-way: what is opened then; NULL: nothing waits */
    int64_t checking_ms;          /* monotonic, since when it is checked */
    int64_t opened_ms, pinged_ms; /* monotonic */
    int64_t ping_interval_ms;     /* as the client was told */
    bool awaiting_pong;
    bool streaming;   /* one-way: the stream is open */
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

/* What Postgres says the session is now. */
void session_on_judged(struct session *session, const struct principal *principal);
/* It is none any more. */
void session_on_ended(struct session *session, enum protocol_close reason);

/* For commands.c, events.c and subscription.c: */
/* It has its principal: opens it by form->admit, now or when the token was checked. */
void session_begin(struct session *session);
/* Pings as the two-way protocol does, and closes if the last ping was not answered. */
void session_ping(struct session *session);
/* Takes a copy. */
void session_set_principal(struct session *session, const struct principal *principal);
/* The fields that the principal may read of a channel, or 0: of none, or there is no such channel;
 * both are answered alike. */
uint32_t session_channel_mask(const struct principal *principal, const char *name, size_t length,
                              struct channel_name *ret_parsed);
/* Sends a frame, closes the session if that cannot be done. */
void session_send(struct session *session, struct frame *frame);
/* The same at the end of the turn, together with others, if the session has several channels. */
void session_publish(struct session *session, struct frame *frame);
void session_send_gathered(struct session *session);
/* Where a reply is to be appended; session_flush sends it unless a batch is under way. */
struct buffer *session_replies(struct session *session);
void session_flush(struct session *session);
void session_send_batch(struct session *session);
void session_reply_error(struct session *session, uint32_t id, enum protocol_error error);

#endif
