/* Sends what views have to say, a bounded part in each turn of the loop: after its timers and again
 * after its sockets were read, so nothing waits for the next turn unless this one's share is used
 * up. A channel with ten thousand subscribers then takes several turns, between which others are
 * heard, and views take turns too. What is published while a batch is on its way joins the next.
 * Lives on the hub's loop. */
#ifndef MH_HUB_FANOUT_H
#define MH_HUB_FANOUT_H

#include <uv.h>

#include "shared/base/list.h"

struct view;

struct fanout {
    struct list dirty; /* struct view */
    uv_prepare_t after_timers;
    uv_check_t after_sockets;
    void (*on_turn)(void *owner); /* at the end of each share; or NULL */
    void *owner;
    uv_idle_t again; /* active while a share was not enough: keeps the loop from waiting */
};

/* 0 or a negative errno. */
MUST_CHECK int fanout_open(struct fanout *fanout, uv_loop_t *loop);
/* No view may be left. The handles close as the loop runs. */
void fanout_close(struct fanout *fanout);
/* The view has got something to send; harmless if it is known already. */
void fanout_add(struct fanout *fanout, struct view *view);

#endif
