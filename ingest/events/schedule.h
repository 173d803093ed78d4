/* Which waiting requests make the next transaction. A partner's requests run in the order of their
 * arrival and in one transaction at a time, so that they commit in the order of their
 * acknowledgements, and two transactions rarely want the same rows. Partners take turns. */
#ifndef MH_INGEST_SCHEDULE_H
#define MH_INGEST_SCHEDULE_H

#include "ingest/events/event_group.h"

struct schedule_partner;

struct schedule {
    struct schedule_partner *partners; /* by id; those that wait or run */
    struct list ready;                 /* those that wait and do not run */
    uint32_t waiting_events, ready_events;
};

/* One transaction's share. Empty when its lists are. */
struct schedule_run {
    struct list groups;
    struct list partners;
    uint32_t events;
};

void schedule_init(struct schedule *schedule);
void schedule_run_init(struct schedule_run *run);
void schedule_add(struct schedule *schedule, struct event_group *group);
/* Fills an empty run with what is ready: `max_events`, unless one request alone has more. */
void schedule_fill(struct schedule *schedule, struct schedule_run *run, uint32_t max_events);
/* The run's partners may run again; its groups go to the empty list `ret_groups`. */
void schedule_release(struct schedule *schedule, struct schedule_run *run, struct list *ret_groups);
/* Puts the run's groups back before all that wait, each to be run by itself. */
void schedule_return(struct schedule *schedule, struct schedule_run *run);
/* Moves all that waits to the empty list `ret_groups`. */
void schedule_clear(struct schedule *schedule, struct list *ret_groups);

#endif
