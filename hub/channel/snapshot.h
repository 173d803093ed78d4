/* Turns the text of a snapshot into a state on a worker thread: a platform's is megabytes of JSON,
 * and nobody's socket shall wait for that. The worker touches nothing but the job; the answer comes
 * on the loop. */
#ifndef MH_HUB_SNAPSHOT_H
#define MH_HUB_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "hub/channel/partner_names.h"
#include "hub/feed/feed_delta.h"

struct job_state;
struct members;
struct metric_scope;

enum snapshot_kind { SNAPSHOT_METRICS, SNAPSHOT_JOBS, SNAPSHOT_MEMBERS, SNAPSHOT_POSITION };

struct snapshot_request {
    enum snapshot_kind kind;
    bool platform;
    int64_t stuck_after_ms;
    struct partner_names *names; /* where the partners' names go, on the loop */
};

struct snapshot {
    char epoch[FEED_EPOCH_SIZE];
    int64_t seq;
    struct metric_scope *scope; /* of SNAPSHOT_METRICS */
    struct job_state *jobs;     /* of SNAPSHOT_JOBS */
    struct members *members;    /* of SNAPSHOT_MEMBERS, which come as rows, not as text */
};

struct snapshot_job;

/* `snapshot` NULL: not of the agreed form. What the callback does not take out of it (by setting
 * the member to NULL) is freed after the call. */
typedef void (*snapshot_done)(void *owner, struct snapshot *snapshot);

/* Copies the text. `done` is called exactly once, unless the job is dropped. */
struct snapshot_job *snapshot_job_start(uv_loop_t *loop, const struct snapshot_request *request,
                                        const char *text, size_t length, snapshot_done done,
                                        void *owner);
/* The owner no longer wants it. NULL-safe. */
void snapshot_job_drop(struct snapshot_job *job);

#endif
