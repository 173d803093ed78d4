#include "ingest/events/schedule.h"

#include <stdlib.h>
#include <uthash.h>

#include "shared/base/memory.h"

/* Lives while it has groups that wait or run. In schedule.ready while some wait and none runs, in
 * the run's partners while one runs. */
struct schedule_partner {
    UT_hash_handle hh;
    struct list link;
    struct list waiting; /* groups */
    uint32_t waiting_events;
    int32_t id;
    bool running;
};

void schedule_init(struct schedule *schedule)
{
    *schedule = (struct schedule){0};
    list_init(&schedule->ready);
}

void schedule_run_init(struct schedule_run *run)
{
    list_init(&run->groups);
    list_init(&run->partners);
    run->events = 0;
}

static struct schedule_partner *partner_find(struct schedule *schedule, int32_t id)
{
    struct schedule_partner *partner;
    HASH_FIND(hh, schedule->partners, &id, sizeof(id), partner);
    return partner;
}

static struct schedule_partner *partner_new(struct schedule *schedule, int32_t id)
{
    struct schedule_partner *partner = memory_zalloc(sizeof(*partner));
    partner->id = id;
    list_init(&partner->link);
    list_init(&partner->waiting);
    HASH_ADD(hh, schedule->partners, id, sizeof(partner->id), partner);
    return partner;
}

/* It is in no list any more. */
static void partner_free(struct schedule *schedule, struct schedule_partner *partner)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): does not see that deleting moves the head */
    HASH_DEL(schedule->partners, partner);
    free(partner);
}

static void partner_ready(struct schedule *schedule, struct schedule_partner *partner)
{
    list_append(&schedule->ready, &partner->link);
    schedule->ready_events += partner->waiting_events;
}

static void partner_start(struct schedule *schedule, struct schedule_partner *partner,
                          struct schedule_run *run)
{
    list_remove(&partner->link);
    schedule->ready_events -= partner->waiting_events;
    partner->running = true;
    list_append(&run->partners, &partner->link);
}

void schedule_add(struct schedule *schedule, struct event_group *group)
{
    struct schedule_partner *partner = partner_find(schedule, group->partner_id);
    if (!partner)
        partner = partner_new(schedule, group->partner_id);
    bool idle = !partner->running && list_empty(&partner->waiting);
    if (idle)
        partner_ready(schedule, partner);
    list_append(&partner->waiting, &group->link);
    partner->waiting_events += group->pending;
    schedule->waiting_events += group->pending;
    if (!partner->running)
        schedule->ready_events += group->pending;
}

static bool fits(const struct schedule_run *run, const struct event_group *group,
                 uint32_t max_events)
{
    return run->events == 0 || (!group->alone && run->events + group->pending <= max_events);
}

/* Moves the partner's groups into the run; false when the run is full. */
static bool partner_take(struct schedule *schedule, struct schedule_partner *partner,
                         struct schedule_run *run, uint32_t max_events)
{
    while (!list_empty(&partner->waiting)) {
        struct event_group *group = LIST_ITEM(partner->waiting.next, struct event_group, link);
        if (!fits(run, group, max_events))
            return false;
        if (!partner->running)
            partner_start(schedule, partner, run);
        list_remove(&group->link);
        list_append(&run->groups, &group->link);
        run->events += group->pending;
        partner->waiting_events -= group->pending;
        schedule->waiting_events -= group->pending;
        if (group->alone)
            return false;
    }
    return true;
}

void schedule_fill(struct schedule *schedule, struct schedule_run *run, uint32_t max_events)
{
    while (!list_empty(&schedule->ready)) {
        struct schedule_partner *partner =
            LIST_ITEM(schedule->ready.next, struct schedule_partner, link);
        if (!partner_take(schedule, partner, run, max_events))
            return;
    }
}

static void release_partners(struct schedule *schedule, struct schedule_run *run)
{
    while (!list_empty(&run->partners)) {
        struct schedule_partner *partner =
            LIST_ITEM(run->partners.next, struct schedule_partner, link);
        partner->running = false;
        list_remove(&partner->link);
        if (list_empty(&partner->waiting))
            partner_free(schedule, partner);
        else
            partner_ready(schedule, partner);
    }
    run->events = 0;
}

static void move_all(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *link = from->next;
        list_remove(link);
        list_append(to, link);
    }
}

void schedule_release(struct schedule *schedule, struct schedule_run *run, struct list *ret_groups)
{
    move_all(&run->groups, ret_groups);
    release_partners(schedule, run);
}

void schedule_return(struct schedule *schedule, struct schedule_run *run)
{
    while (!list_empty(&run->groups)) {
        struct list *last = run->groups.previous;
        struct event_group *group = LIST_ITEM(last, struct event_group, link);
        struct schedule_partner *partner = partner_find(schedule, group->partner_id);
        group->alone = true;
        list_remove(last);
        list_append(partner->waiting.next, last); /* before the first that waits */
        partner->waiting_events += group->pending;
        schedule->waiting_events += group->pending;
    }
    release_partners(schedule, run);
}

void schedule_clear(struct schedule *schedule, struct list *ret_groups)
{
    struct schedule_partner *partner, *next;
    HASH_ITER(hh, schedule->partners, partner, next)
    {
        move_all(&partner->waiting, ret_groups);
        partner->waiting_events = 0;
        if (partner->running)
            continue;
        list_remove(&partner->link);
        partner_free(schedule, partner);
    }
    schedule->waiting_events = schedule->ready_events = 0;
}
