/* Who looks at a channel: the views, their subscribers, and those who wait, be it for the channel
 * to load or for rows that they missed. channel_attach and channel_detach are here too. A part of
 * the channel. */
#ifndef MH_HUB_AUDIENCE_H
#define MH_HUB_AUDIENCE_H

#include "hub/channel/channel.h"

bool audience_present(const struct channel *channel);
/* Lets those in who wait, as far as it has what they wait for. The channel is live. */
void audience_admit(struct channel *channel);
/* Asks for rows that somebody waits for. */
void audience_read_missed(struct channel *channel);
/* backfill's callback; `owner` is the channel. */
void audience_on_backfilled(void *owner);
/* Ends all views: their subscribers are told to subscribe again. */
void audience_reset(struct channel *channel);
/* The members changed: who no longer takes part hears no more. */
void audience_expel(struct channel *channel);
/* There is no such channel: for those who wait, too. */
void audience_turn_away(struct channel *channel);
void audience_drop_idle(struct channel *channel, int64_t now_ms);

#endif
