#include "hub/channel/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Up to this many digits a decimal number survives being a double unchanged. */
#define EXACT_LIMIT INT64_C(1000000000000000)
#define DOUBLE_DIGITS 17

/* ---- numbers ---- */

/* The digits of a double and the power of ten of the first: the fewest that read back as it. */
static int shortest(double value, char digits[DOUBLE_DIGITS + 1])
{
    char text[32];
    for (int count = 1; count <= DOUBLE_DIGITS; count++) {
        (void)snprintf(text, sizeof(text), "%.*e", count - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    size_t length = 0;
    const char *at = text;
    for (; *at != 'e'; at++) {
        if (*at != '.')
            digits[length++] = *at;
    }
    digits[length] = '\0';
    return (int)strtol(at + 1, NULL, 10);
}

/* Of a magnitude from 1 to 1e21, where JavaScript writes no exponent. */
static void append_double(struct buffer *out, double value)
{
    char digits[DOUBLE_DIGITS + 1];
    if (value < 0)
        buffer_append(out, "-", 1);
    size_t whole = (size_t)shortest(value < 0 ? -value : value, digits) + 1;
    size_t count = strlen(digits);
    buffer_append(out, digits, count < whole ? count : whole);
    for (size_t i = count; i < whole; i++)
        buffer_append(out, "0", 1);
    if (count > whole) {
        buffer_append(out, ".", 1);
        buffer_append(out, digits + whole, count - whole);
    }
}

void digest_append_integer(struct buffer *out, int64_t value)
{
    if (value > -EXACT_LIMIT && value < EXACT_LIMIT)
        buffer_append_i64(out, value);
    else
        append_double(out, (double)value);
}

void digest_append_micros(struct buffer *out, int64_t micros)
{
    size_t start = out->length;
    document_append_micros(out, micros);
    if (micros > -EXACT_LIMIT && micros < EXACT_LIMIT)
        return;
    buffer_append(out, "", 1); /* ends the text */
    double value = strtod(out->data + start, NULL);
    out->length = start;
    append_double(out, value);
}

static uint32_t leaf_hash(const struct buffer *text)
{
    return XXH32(text->data, text->length, 0);
}

/* ---- metrics ---- */

/* The text of the last path, so that the next renders only the names that differ. */
struct path_text {
    struct buffer text;
    size_t depth;
    struct document_step steps[DOCUMENT_MAX_DEPTH];
    size_t ends[DOCUMENT_MAX_DEPTH];
};

static void move_to(struct path_text *path, const struct document_kind *kind, const void *owner,
                    uint64_t key)
{
    struct document_step steps[DOCUMENT_MAX_DEPTH];
    size_t depth = kind->path(key, steps), common = 0;
    while (common < depth && common < path->depth &&
           path->steps[common].kind == steps[common].kind &&
           path->steps[common].value == steps[common].value)
        common++;
    path->text.length = common ? path->ends[common - 1] : 0;
    for (size_t i = common; i < depth; i++) {
        char name[DOCUMENT_NAME_SIZE];
        kind->name(owner, steps[i], name);
        if (i)
            buffer_append(&path->text, "/", 1);
        buffer_append_text(&path->text, name);
        path->steps[i] = steps[i];
        path->ends[i] = path->text.length;
    }
    path->text.length = path->ends[depth - 1];
    path->depth = depth;
}

static void append_value(const struct document_kind *kind, const void *owner,
                         const struct document_leaf *leaf, struct buffer *out)
{
    switch ((enum document_type)leaf->type) {
    case DOCUMENT_INTEGER:
        digest_append_integer(out, leaf->value);
        break;
    case DOCUMENT_MICROS:
        digest_append_micros(out, leaf->value);
        break;
    case DOCUMENT_QUOTED:
        buffer_append(out, "\"", 1);
        buffer_append_i64(out, leaf->value);
        break;
    case DOCUMENT_NAME:
        buffer_append(out, "\"", 1);
        buffer_append_text(out, kind->text(owner, leaf->value));
        break;
    }
}

uint32_t digest_document(const struct document_kind *kind, const void *owner,
                         const struct document *document, uint32_t mask)
{
    struct path_text path = {.text = BUFFER_INIT};
    uint32_t sum = 0;
    for (size_t i = 0; i < document->count; i++) {
        const struct document_leaf *leaf = &document->leaves[i];
        if (!(mask & FIELD_BIT(leaf->class)))
            continue;
        move_to(&path, kind, owner, leaf->key);
        buffer_append(&path.text, "=", 1);
        append_value(kind, owner, leaf, &path.text);
        sum += leaf_hash(&path.text);
    }
    buffer_done(&path.text);
    return sum;
}

/* ---- jobs ---- */

static void append_job_value(const struct job_value *value, enum job_field_type type,
                             struct buffer *out)
{
    switch (type) {
    case JOB_TEXT:
        buffer_append(out, "\"", 1);
        buffer_append(out, value->text, value->length);
        break;
    case JOB_COST:
        digest_append_micros(out, value->number);
        break;
    case JOB_INTEGER:
        digest_append_integer(out, value->number);
        break;
    }
}

/* `text` is for the leaves to be written into. */
static uint32_t row_digest(const struct job_row *row, uint32_t mask, struct buffer *text)
{
    uint32_t sum = 0;
    buffer_clear(text);
    buffer_append_text(text, "jobs/");
    buffer_append(text, row->id, row->id_length);
    buffer_append(text, "/", 1);
    size_t prefix = text->length;
    for (size_t i = 0; i < JOB_FIELD_COUNT; i++) {
        const struct job_field_info *field = &job_fields[i];
        if (!row->values[i].present || !(mask & FIELD_BIT(field->class)))
            continue;
        text->length = prefix;
        buffer_append_text(text, field->client);
        buffer_append(text, "=", 1);
        append_job_value(&row->values[i], field->type, text);
        sum += leaf_hash(text);
    }
    return sum;
}

uint32_t digest_jobs(const struct job_picture *picture, uint32_t mask)
{
    struct buffer text = BUFFER_INIT;
    uint32_t sum = 0;
    for (size_t i = 0; i < picture->count; i++)
        sum += row_digest(picture->rows[i], mask, &text);
    buffer_done(&text);
    return sum;
}
