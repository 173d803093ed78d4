/* What a session needs of its socket. Implemented in server.c, the only file that knows
 * libwebsockets. A transport lives until it has called session_on_gone. */
#ifndef MH_HUB_TRANSPORT_H
#define MH_HUB_TRANSPORT_H

#include <stdbool.h>

#include "hub/session/protocol_codes.h"
#include "shared/base/base.h"
#include "shared/base/frame.h"

enum http_problem;

struct transport; /* a connection */

/* Sends one text message; its bytes are copied or gone when it returns 0. -EAGAIN: nothing of it
 * was taken; -EIO: the socket is dead. Only while not blocked. */
MUST_CHECK int transport_write(struct transport *transport, struct frame *frame);
/* The last message is not yet wholly with the kernel. */
bool transport_blocked(struct transport *transport);
/* session_on_writable follows when it is. */
void transport_want_writable(struct transport *transport);
/* Of a one-way stream: sends the head of the answer. */
void transport_open_events(struct transport *transport);
/* Whether the client, who is only to listen, is gone, or talks. */
bool transport_events_over(struct transport *transport);
/* The answer is this instead, once transport_close is called. */
void transport_refuse(struct transport *transport, enum http_problem problem);
/* Closes with the code, soon, never within the call. */
void transport_close(struct transport *transport, enum protocol_close reason);

#endif
