#include "hub/feed/job_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/feed/int_table.h"
#include "shared/base/memory.h"

const struct job_field_info job_fields[JOB_FIELD_COUNT] = {
#define X(name, type, class, wire, client) {JOB_##type, FIELD_##class, wire, client},
    JOB_FIELD_TABLE(X)
#undef X
};

static int read_text(const json_t *value, struct job_value *out)
{
    size_t length = json_string_length(value);
    if (!json_is_string(value) || length > JOB_TEXT_MAX_BYTES)
        return -EINVAL;
    out->text = memory_strndup(json_string_value(value), length);
    out->length = length;
    out->present = true;
    return 0;
}

static int read_number(const json_t *value, struct job_value *out)
{
    if (!json_is_integer(value))
        return -EINVAL;
    out->number = json_integer_value(value);
    out->present = true;
    return out->number > INT_TABLE_LIMIT || out->number < -INT_TABLE_LIMIT ? -EINVAL : 0;
}

static int read_fields(const json_t *object, struct job_row *row)
{
    for (size_t i = 0; i < JOB_FIELD_COUNT; i++) {
        const json_t *value = json_object_get(object, job_fields[i].wire);
        if (!value || json_is_null(value))
            continue;
        int error = job_fields[i].type == JOB_TEXT ? read_text(value, &row->values[i])
                                                   : read_number(value, &row->values[i]);
        if (error)
            return error;
    }
    return row->values[JOB_FIELD_REQUESTED_AT].present ? 0 : -EINVAL;
}

int job_row_read(const json_t *object, struct job_row **ret_row)
{
    const json_t *id = json_object_get(object, "id");
    size_t length = json_string_length(id);
    if (!json_is_string(id) || !length || length > JOB_ID_MAX_BYTES)
        return -EINVAL;
    struct job_row *row = memory_zalloc(sizeof(*row));
    row->references = 1;
    row->id = memory_strndup(json_string_value(id), length);
    row->id_length = length;
    int error = read_fields(object, row);
    if (error) {
        job_row_unref(row);
        return error;
    }
    *ret_row = row;
    return 0;
}

struct job_row *job_row_ref(struct job_row *row)
{
    row->references++;
    return row;
}

void job_row_unref(struct job_row *row)
{
    if (!row || --row->references)
        return;
    for (size_t i = 0; i < JOB_FIELD_COUNT; i++)
        free(row->values[i].text);
    free(row->id);
    free(row);
}

bool job_value_equal(const struct job_value *a, const struct job_value *b)
{
    if (a->present != b->present || a->number != b->number || a->length != b->length)
        return false;
    return a->length == 0 || memcmp(a->text, b->text, a->length) == 0;
}
