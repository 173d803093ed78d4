/* What each command of a client does. One handler per method. */
#ifndef MH_HUB_COMMANDS_H
#define MH_HUB_COMMANDS_H

#include "hub/session/session.h"

void commands_handle(struct session *session, const struct command *command);

/* Of the form of the two-way protocol. */
void commands_admit(struct session *session);
void commands_refuse(struct session *session, enum protocol_error error);

#endif
