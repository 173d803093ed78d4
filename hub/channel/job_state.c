#include "hub/channel/job_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/document.h"

void job_state_clear(struct job_state *state)
{
    for (size_t i = 0; i < state->count; i++)
        job_row_unref(state->rows[i]);
    state->count = 0;
}

static int compare_rows(const struct job_row *a, const struct job_row *b)
{
    int64_t x = a->values[JOB_FIELD_REQUESTED_AT].number;
    int64_t y = b->values[JOB_FIELD_REQUESTED_AT].number;
    if (x != y)
        return x > y ? -1 : 1;
    return strcmp(b->id, a->id);
}

static void remove_id(struct job_state *state, const char *id)
{
    for (size_t i = 0; i < state->count; i++) {
        if (strcmp(state->rows[i]->id, id) != 0)
            continue;
        job_row_unref(state->rows[i]);
        state->count--;
        memmove(state->rows + i, state->rows + i + 1,
                (state->count - i) * sizeof(struct job_row *));
        return;
    }
}

void job_state_put(struct job_state *state, struct job_row *row)
{
    remove_id(state, row->id);
    size_t at = state->count;
    while (at > 0 && compare_rows(row, state->rows[at - 1]) < 0)
        at--;
    if (at == JOB_STATE_HELD)
        return;
    memmove(state->rows + at + 1, state->rows + at, (state->count - at) * sizeof(struct job_row *));
    state->rows[at] = job_row_ref(row);
    state->count++;
    if (state->count > JOB_STATE_HELD)
        job_row_unref(state->rows[--state->count]);
}

void job_state_apply(struct job_state *state, const struct feed_delta *delta)
{
    for (size_t i = 0; i < delta->job_count; i++)
        job_state_put(state, delta->jobs[i]);
}

int job_state_load(struct job_state *state, const json_t *snapshot)
{
    const json_t *jobs = json_object_get(snapshot, "jobs");
    if (!json_is_array(jobs))
        return -EINVAL;
    for (size_t i = 0; i < json_array_size(jobs); i++) {
        struct job_row *row;
        int error = job_row_read(json_array_get(jobs, i), &row);
        if (error)
            return error;
        job_state_put(state, row);
        job_row_unref(row);
    }
    return 0;
}

static int by_id(const void *left, const void *right)
{
    const struct job_row *a, *b;
    memcpy(&a, left, sizeof(struct job_row *));
    memcpy(&b, right, sizeof(struct job_row *));
    return strcmp(a->id, b->id);
}

void job_picture_take(struct job_picture *picture, const struct job_state *state)
{
    size_t count = state->count < JOB_STATE_SHOWN ? state->count : JOB_STATE_SHOWN;
    for (size_t i = 0; i < count; i++)
        picture->rows[i] = job_row_ref(state->rows[i]);
    picture->count = count;
    qsort(picture->rows, count, sizeof(struct job_row *), by_id);
}

void job_picture_clear(struct job_picture *picture)
{
    for (size_t i = 0; i < picture->count; i++)
        job_row_unref(picture->rows[i]);
    picture->count = 0;
}

static void append_value(const struct job_value *value, enum job_field_type type,
                         struct buffer *out)
{
    if (!value->present)
        buffer_append(out, "null", 4);
    else if (type == JOB_TEXT)
        buffer_append_json_string(out, value->text, value->length);
    else if (type == JOB_COST)
        document_append_micros(out, value->number);
    else
        buffer_append_i64(out, value->number);
}

/* `"id":{…}` with the fields that differ from `before` (NULL: those present). False: none. */
static bool append_row(const struct job_row *before, const struct job_row *row, uint32_t mask,
                       bool first, struct buffer *out)
{
    static const struct job_value absent;
    bool any = false;
    size_t start = out->length;
    if (!first)
        buffer_append(out, ",", 1);
    buffer_append_json_string(out, row->id, row->id_length);
    buffer_append(out, ":{", 2);
    for (size_t i = 0; i < JOB_FIELD_COUNT; i++) {
        const struct job_value *old = before ? &before->values[i] : &absent;
        if (!(mask & FIELD_BIT(job_fields[i].class)) || job_value_equal(old, &row->values[i]))
            continue;
        if (any)
            buffer_append(out, ",", 1);
        buffer_append(out, "\"", 1);
        buffer_append_text(out, job_fields[i].client);
        buffer_append(out, "\":", 2);
        append_value(&row->values[i], job_fields[i].type, out);
        any = true;
    }
    buffer_append(out, "}", 1);
    if (!any)
        out->length = start;
    return any;
}

void job_picture_encode(const struct job_picture *picture, uint32_t mask, struct buffer *out)
{
    bool first = true;
    buffer_append_text(out, "\"jobs\":{");
    for (size_t i = 0; i < picture->count; i++) {
        if (append_row(NULL, picture->rows[i], mask, first, out))
            first = false;
    }
    buffer_append(out, "}", 1);
}

static void append_gone(const struct job_row *row, bool first, struct buffer *out)
{
    if (!first)
        buffer_append(out, ",", 1);
    buffer_append_json_string(out, row->id, row->id_length);
    buffer_append(out, ":null", 5);
}

bool job_picture_diff(const struct job_picture *before, const struct job_picture *after,
                      uint32_t mask, struct buffer *out)
{
    size_t start = out->length, i = 0, j = 0;
    bool any = false;
    buffer_append_text(out, "\"jobs\":{");
    while (i < before->count || j < after->count) {
        const struct job_row *old = i < before->count ? before->rows[i] : NULL;
        const struct job_row *new = j < after->count ? after->rows[j] : NULL;
        int order = !old ? 1 : !new ? -1 : strcmp(old->id, new->id);
        if (order < 0) {
            append_gone(old, !any, out);
            any = true;
        } else if (old != new &&append_row(order ? NULL : old, new, mask, !any, out)) {
            any = true;
        }
        i += order <= 0;
        j += order >= 0;
    }
    buffer_append(out, "}", 1);
    if (!any)
        out->length = start;
    return any;
}
