/* Open jobs by the second in which they were requested: the oldest, and how many are older than the
 * limit for "stuck". A sorted array, since requests arrive nearly in order; the running count of
 * stuck jobs makes each second's slide cheap. Owned by a metric_state. */
#ifndef MH_HUB_OPEN_JOBS_H
#define MH_HUB_OPEN_JOBS_H

#include <stddef.h>
#include <stdint.h>

struct open_second {
    int64_t second, n;
};

struct open_jobs {
    size_t count, capacity, empty; /* `empty` of the `count` entries have n = 0 */
    struct open_second *items;
    int64_t stuck_before; /* a job requested before this second is stuck */
    int64_t stuck;
};

void open_jobs_init(struct open_jobs *jobs);
void open_jobs_done(struct open_jobs *jobs);
void open_jobs_add(struct open_jobs *jobs, int64_t second, int64_t n);
/* Moves the limit forward; it never goes back. */
void open_jobs_advance(struct open_jobs *jobs, int64_t stuck_before);
/* Second of the oldest open job, -1: none. */
int64_t open_jobs_oldest(struct open_jobs *jobs);

#endif
