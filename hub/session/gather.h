/* Puts together what several channels say to one socket in one turn of the loop: one frame, one
 * send. Dashboards of one audience get the same frames, so the joined one is made once and kept for
 * the next of them. Each session owns a `gather`, all of a process share a `gathering`; lives on
 * the hub's loop. */
#ifndef MH_HUB_GATHER_H
#define MH_HUB_GATHER_H

#include <stdbool.h>

#include "shared/base/frame.h"
#include "shared/base/list.h"

#define GATHER_FRAMES 6

struct gather {
    struct list link; /* in gathering->sessions while it holds frames */
    unsigned count;
    struct frame *frames[GATHER_FRAMES];
};

struct gathering {
    struct list sessions;
    struct gather last;   /* what was joined last … */
    struct frame *joined; /* … and the result; NULL: nothing yet */
};

void gathering_init(struct gathering *gathering);
/* At the end of each turn: forgets the joined frame. No session may hold frames. */
void gathering_forget(struct gathering *gathering);

void gather_init(struct gather *gather);
/* Takes its own reference. False: it is full, take what it holds first. */
bool gather_add(struct gathering *gathering, struct gather *gather, struct frame *frame);
/* All that it holds as one frame, with a reference for the caller; NULL: nothing. It is empty then.
 */
struct frame *gather_take(struct gathering *gathering, struct gather *gather);
/* Drops what it holds. */
void gather_done(struct gather *gather);

#endif
