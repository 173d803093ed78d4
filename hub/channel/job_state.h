/* The newest jobs of one scope, by the time they were requested. A few more are held than shown, so
 * that a job whose request turns out to be older leaves no hole. Rows are immutable and shared; a
 * picture of what is shown is an array of references. Lives on the hub's loop, owned by a channel.
 */
#ifndef MH_HUB_JOB_STATE_H
#define MH_HUB_JOB_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/feed/feed_delta.h"
#include "shared/base/buffer.h"

#define JOB_STATE_SHOWN 100
#define JOB_STATE_HELD 200

struct job_state {
    size_t count;
    struct job_row *rows[JOB_STATE_HELD + 1]; /* newest request first, then by id */
};

/* What was shown at one time; sorted by id. */
struct job_picture {
    size_t count;
    struct job_row *rows[JOB_STATE_SHOWN];
};

void job_state_clear(struct job_state *state);
/* `snapshot`: the parsed JSON of api.jobs_snapshot. 0 or -EINVAL: the state is then useless. */
MUST_CHECK int job_state_load(struct job_state *state, const json_t *snapshot);
/* Puts in or replaces one job. */
void job_state_put(struct job_state *state, struct job_row *row);
void job_state_apply(struct job_state *state, const struct feed_delta *delta);

void job_picture_take(struct job_picture *picture, const struct job_state *state);
void job_picture_clear(struct job_picture *picture);
/* Appends `"jobs":{…}` with the fields that the mask may see. */
void job_picture_encode(const struct job_picture *picture, uint32_t mask, struct buffer *out);
/* Appends the merge patch from `before` to `after`; false, and nothing appended: no difference. */
bool job_picture_diff(const struct job_picture *before, const struct job_picture *after,
                      uint32_t mask, struct buffer *out);

#endif
