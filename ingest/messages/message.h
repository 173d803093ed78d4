/* A message as a client posts it: {"client_id": "<uuid>", "body": "<text>"}. */
#ifndef MH_INGEST_MESSAGE_H
#define MH_INGEST_MESSAGE_H

#include "ingest/events/arena.h"
#include "ingest/events/reason.h"

#define MESSAGE_MAX_BODY 16384 /* bytes of UTF-8; the table app.messages has the same bound */

struct message {
    struct text client_id, body; /* NUL-terminated, in the arena */
};

/* REASON_NONE, or why it is refused; *ret_field (static, or NULL) then names what it is about.
 * Members that are unknown are ignored. */
MUST_CHECK enum reason message_decode(const char *json, size_t length, struct arena *arena,
                                      struct message *ret_message, const char **ret_field);

#endif
