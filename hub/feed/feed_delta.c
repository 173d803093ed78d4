#include "hub/feed/feed_delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

static int read_partner(const json_t *object, struct feed_delta *delta)
{
    const json_t *partner = json_object_get(object, "partner");
    size_t length = json_string_length(partner);
    if (!json_is_string(partner) || !partner_code_valid(json_string_value(partner), length))
        return -EINVAL;
    memcpy(delta->partner, json_string_value(partner), length);
    return 0;
}

static int read_gauges(const json_t *array, struct feed_delta *delta)
{
    if (!array)
        return 0;
    if (!json_is_array(array) || json_array_size(array) < ARRAY_LENGTH(delta->gauges))
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_LENGTH(delta->gauges); i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_integer(value))
            return -EINVAL;
        delta->gauges[i] = json_integer_value(value);
        if (delta->gauges[i] > INT_TABLE_LIMIT || delta->gauges[i] < -INT_TABLE_LIMIT)
            return -EINVAL;
    }
    return 0;
}

static int read_jobs(const json_t *array, struct feed_delta *delta)
{
    if (!array)
        return 0;
    if (!json_is_array(array) || json_array_size(array) > INT_TABLE_MAX_ROWS)
        return -EINVAL;
    size_t count = json_array_size(array);
    delta->jobs = memory_array(count + 1, sizeof(struct job_row *));
    for (; delta->job_count < count; delta->job_count++) {
        int error =
            job_row_read(json_array_get(array, delta->job_count), &delta->jobs[delta->job_count]);
        if (error)
            return error;
    }
    return 0;
}

static int read_tables(const json_t *object, struct feed_delta *delta)
{
    struct {
        const char *name;
        size_t columns;
        struct int_table *table;
    } tables[] = {
        {"m", FEED_COUNTER_COLUMNS, &delta->counters},
        {"d", 3, &delta->durations},
        {"q", 3, &delta->queues},
        {"o", 2, &delta->open},
        {"u", 2, &delta->users},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        const json_t *array = json_object_get(object, tables[i].name);
        int error = int_table_read(array, tables[i].columns, tables[i].table);
        if (error)
            return error;
    }
    return 0;
}

static int delta_from_json(const json_t *object, struct feed_delta **ret_delta)
{
    const json_t *at = json_object_get(object, "at");
    if (!json_is_integer(at))
        return -EINVAL;
    struct feed_delta *delta = memory_zalloc(sizeof(*delta));
    delta->references = 1;
    delta->at_ms = json_integer_value(at);
    if (read_partner(object, delta) || read_tables(object, delta) ||
        read_gauges(json_object_get(object, "s"), delta) ||
        read_jobs(json_object_get(object, "j"), delta)) {
        feed_delta_unref(delta);
        return -EINVAL;
    }
    *ret_delta = delta;
    return 0;
}

static json_t *parse(const char *bytes, size_t length)
{
    if (length > FEED_MESSAGE_MAX_BYTES)
        return NULL;
    return json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
}

int feed_delta_decode(const char *bytes, size_t length, struct feed_delta **ret_delta)
{
    json_t *root = parse(bytes, length);
    int error = root ? delta_from_json(root, ret_delta) : -EINVAL;
    json_decref(root);
    return error;
}

static int copy_text(const json_t *value, char *out, size_t size)
{
    size_t length = json_string_length(value);
    if (!json_is_string(value) || !length || length >= size)
        return -EINVAL;
    memcpy(out, json_string_value(value), length + 1);
    return strlen(out) == length ? 0 : -EINVAL;
}

static int read_position(const json_t *value, int64_t *out)
{
    *out = json_integer_value(value);
    return json_is_integer(value) && *out > 0 && *out < INT_TABLE_LIMIT ? 0 : -EINVAL;
}

static int message_from_json(const json_t *root, struct feed_message *message)
{
    if (copy_text(json_object_get(root, "channel"), message->channel, sizeof(message->channel)) ||
        copy_text(json_object_get(root, "epoch"), message->epoch, sizeof(message->epoch)) ||
        read_position(json_object_get(root, "seq"), &message->seq) ||
        read_position(json_object_get(root, "platform_seq"), &message->platform_seq))
        return -EINVAL;
    return delta_from_json(json_object_get(root, "payload"), &message->delta);
}

int feed_message_decode(const char *bytes, size_t length, struct feed_message *ret_message)
{
    struct feed_message message = {.seq = 0};
    json_t *root = parse(bytes, length);
    int error = root ? message_from_json(root, &message) : -EINVAL;
    json_decref(root);
    if (!error)
        *ret_message = message;
    return error;
}

/* ---- rows of logs ---- */

/* A line end in it would end the line that carries it to the client. */
int log_row_decode(const char *bytes, size_t length, struct feed_delta **ret_delta)
{
    json_t *root = memchr(bytes, '\n', length) ? NULL : parse(bytes, length);
    bool object = json_is_object(root);
    json_decref(root);
    if (!object)
        return -EINVAL;
    struct feed_delta *delta = memory_zalloc(sizeof(*delta));
    delta->references = 1;
    delta->text = memory_strndup(bytes, length);
    delta->length = length;
    *ret_delta = delta;
    return 0;
}

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *cursor, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, text, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

/* Up to the next quote; neither channels nor epochs have characters that JSON escapes. */
static bool take_name(struct cursor *cursor, char *out, size_t size)
{
    const char *quote = memchr(cursor->at, '"', (size_t)(cursor->end - cursor->at));
    size_t length = quote ? (size_t)(quote - cursor->at) : 0;
    if (!length || length >= size || memchr(cursor->at, '\\', length))
        return false;
    memcpy(out, cursor->at, length);
    out[length] = '\0';
    cursor->at = quote;
    return strlen(out) == length;
}

static bool take_position(struct cursor *cursor, int64_t *out)
{
    int64_t value = 0;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
        value = value * 10 + (*cursor->at - '0');
        if (value >= INT_TABLE_LIMIT)
            return false;
    }
    *out = value;
    return value > 0;
}

int log_message_decode(const char *bytes, size_t length, struct feed_message *ret_message)
{
    struct feed_message message = {.seq = 0};
    struct cursor cursor = {bytes, bytes + length};
    if (!take(&cursor, "{\"channel\":\"") ||
        !take_name(&cursor, message.channel, sizeof(message.channel)) ||
        !take(&cursor, "\",\"epoch\":\"") ||
        !take_name(&cursor, message.epoch, sizeof(message.epoch)) ||
        !take(&cursor, "\",\"seq\":") || !take_position(&cursor, &message.seq) ||
        !take(&cursor, ",\"payload\":") || cursor.at == cursor.end || cursor.end[-1] != '}')
        return -EINVAL;
    size_t payload_length = (size_t)(cursor.end - cursor.at) - 1;
    if (log_row_decode(cursor.at, payload_length, &message.delta))
        return -EINVAL;
    *ret_message = message;
    return 0;
}

struct feed_delta *feed_delta_ref(struct feed_delta *delta)
{
    delta->references++;
    return delta;
}

void feed_delta_unref(struct feed_delta *delta)
{
    if (!delta || --delta->references)
        return;
    int_table_done(&delta->counters);
    int_table_done(&delta->durations);
    int_table_done(&delta->queues);
    int_table_done(&delta->open);
    int_table_done(&delta->users);
    for (size_t i = 0; i < delta->job_count; i++)
        job_row_unref(delta->jobs[i]);
    free(delta->jobs);
    free(delta->text);
    free(delta);
}
