/* Takes back what a connection may no longer do. Follows the log `ctl:authz`, which names the
 * people whose access changed, however that came about, and asks Postgres what the sessions of
 * these people are now: those that ended are closed, the others go on with a new principal. A token
 * from before a change, or from before what this process knows of, is asked about before its
 * connection opens. While Postgres is away open sessions stay as they are, and are asked about when
 * it is back. Lives on the hub's loop. */
#ifndef MH_HUB_REVIEW_H
#define MH_HUB_REVIEW_H

#include "hub/feed/feeds.h"
#include "hub/session/changes.h"
#include "hub/session/protocol_codes.h"

struct principal;
struct session;
struct sessions;

struct review {
    struct sessions *sessions;
    struct feeds *feeds;
    struct feed_consumer consumer;
    struct changes changes;
    struct feed_query *reading;  /* what changed before the log's head */
    struct feed_query *question; /* about the sessions in `asked` */
    struct list wanted, asked;   /* struct session */
};

/* The word for such an end: signed_out, suspended, expired, revoked. */
const char *review_end_text(enum protocol_close code);
void review_open(struct review *review, struct sessions *sessions, struct feeds *feeds);
/* Harmless if it was not opened. */
void review_close(struct review *review);
/* Whether what a token says may be out of date. */
bool review_doubts(const struct review *review, const struct principal *principal);
/* Asks about the session, soon; the answer is session_on_judged or its end. */
void review_want(struct review *review, struct session *session);
/* Once a second: what could not be asked is asked again. */
void review_second(struct review *review);

#endif
