/* What presence means to a subscription: while it is ready its client is present in the channel;
 * joins and leaves go to those that asked for them, questions are answered. */
#ifndef MH_HUB_ATTENDANCE_H
#define MH_HUB_ATTENDANCE_H

#include "hub/session/protocol.h"

struct session;
struct subscription;

/* The subscription is ready; it leaves by presence_leave. */
void attendance_begin(struct subscription *subscription);
/* The session has a new principal: staff and members see others. */
void attendance_review(struct subscription *subscription);
/* The commands presence and presence_stats, for subscribers only. */
void attendance_ask(struct session *session, const struct command *command);

#endif
