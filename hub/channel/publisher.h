/* When and how the state of a channel goes out to its views: what changed since the last time is
 * computed once, then redacted and encoded per view. A part of the channel. */
#ifndef MH_HUB_PUBLISHER_H
#define MH_HUB_PUBLISHER_H

#include "hub/channel/channel.h"

/* Something changed: publishes at once, or when the next patch is due. */
void publisher_schedule(struct channel *channel);
/* Makes the state of now the published one without telling anybody: before the first view. */
void publisher_refresh(struct channel *channel);

#endif
