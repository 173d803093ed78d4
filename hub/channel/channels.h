/* The channels that somebody looks at, by name; made on first use, forgotten when nobody has looked
 * for a while. Lives on the hub's loop. */
#ifndef MH_HUB_CHANNELS_H
#define MH_HUB_CHANNELS_H

#include "hub/channel/channel.h"

/* Each channel has its turn once a second, a share of them at a time. */
#define CHANNELS_SHARES 20

struct channels {
    struct channel_context context;
    struct fanout fanout;
    struct channel *by_name;
    struct list shares[CHANNELS_SHARES];
    unsigned share, next_share; /* whose turn it is; of the next channel */
    uv_timer_t turn;
    uv_timer_t telling; /* all channels what is degraded, some in each turn */
    uint32_t degraded_version;
    void (*on_closed)(void *owner);
    void *owner;
};

/* `feeds` must be open and outlive it. 0 or a negative errno. */
MUST_CHECK int channels_open(struct channels *channels, uv_loop_t *loop,
                             const struct hub_settings *settings, struct hub_stats *stats,
                             struct feeds *feeds, struct partner_names *names);
/* No subscriber may be left; to be called before feeds_close. */
void channels_close(struct channels *channels, void (*on_closed)(void *owner), void *owner);
/* Finds or makes the channel; `name` is valid and the caller allowed to see it. */
struct channel *channels_get(struct channels *channels, const char *name,
                             const struct channel_name *parsed);

#endif
