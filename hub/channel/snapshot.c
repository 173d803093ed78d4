#include "hub/channel/snapshot.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/channel/job_state.h"
#include "hub/channel/metric_scope.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

struct snapshot_job {
    uv_work_t work;
    struct snapshot_request request;
    char *text;
    size_t length;
    struct partner_names names; /* the worker's own, until the loop takes them over */
    struct snapshot snapshot;
    int error;
    snapshot_done done; /* NULL: dropped */
    void *owner;
};

static int read_position(const json_t *root, struct snapshot *snapshot)
{
    const json_t *epoch = json_object_get(root, "epoch"), *seq = json_object_get(root, "seq");
    size_t length = json_string_length(epoch);
    if (!length || length >= sizeof(snapshot->epoch) || !json_is_integer(seq))
        return -EINVAL;
    (void)snprintf(snapshot->epoch, sizeof(snapshot->epoch), "%s", json_string_value(epoch));
    snapshot->seq = json_integer_value(seq);
    return snapshot->seq < 0 ? -EINVAL : 0;
}

/* The database's clock may be a little ahead of ours: the state then begins there. */
static int64_t begin_ms(const json_t *root)
{
    int64_t at_ms = json_integer_value(json_object_get(root, "at"));
    int64_t now_ms = time_wall_ms();
    return at_ms > now_ms ? at_ms : now_ms;
}

static int decode(struct snapshot_job *job, const json_t *root)
{
    int error = read_position(root, &job->snapshot);
    if (error)
        return error;
    if (job->request.kind == SNAPSHOT_JOBS) {
        job->snapshot.jobs = memory_zalloc(sizeof(struct job_state));
        return job_state_load(job->snapshot.jobs, root);
    }
    job->snapshot.scope = metric_scope_new(job->request.platform, &job->names, begin_ms(root),
                                           job->request.stuck_after_ms);
    return metric_scope_load(job->snapshot.scope, root);
}

static void on_worker(uv_work_t *work)
{
    struct snapshot_job *job = CONTAINER_OF(work, struct snapshot_job, work);
    json_t *root = json_loadb(job->text, job->length, JSON_REJECT_DUPLICATES, NULL);
    job->error = root ? decode(job, root) : -EINVAL;
    json_decref(root);
}

static void on_worker_done(uv_work_t *work, int status)
{
    struct snapshot_job *job = CONTAINER_OF(work, struct snapshot_job, work);
    bool usable = !job->error && !status;
    if (usable && job->done && job->snapshot.scope)
        metric_scope_use_names(job->snapshot.scope, job->request.names);
    if (job->done)
        job->done(job->owner, usable ? &job->snapshot : NULL);
    metric_scope_free(job->snapshot.scope);
    if (job->snapshot.jobs)
        job_state_clear(job->snapshot.jobs);
    free(job->snapshot.jobs);
    partner_names_done(&job->names);
    free(job->text);
    free(job);
}

struct snapshot_job *snapshot_job_start(uv_loop_t *loop, const struct snapshot_request *request,
                                        const char *text, size_t length, snapshot_done done,
                                        void *owner)
{
    struct snapshot_job *job = memory_zalloc(sizeof(*job));
    job->request = *request;
    job->text = memory_strndup(text, length);
    job->length = length;
    job->done = done;
    job->owner = owner;
    if (!uv_queue_work(loop, &job->work, on_worker, on_worker_done))
        return job;
    free(job->text);
    free(job);
    return NULL;
}

void snapshot_job_drop(struct snapshot_job *job)
{
    if (job)
        job->done = NULL;
}
