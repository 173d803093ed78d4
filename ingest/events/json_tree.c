#include "ingest/events/json_tree.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/events/json_text.h"

/* Up to here a member is put in place as in a hand of cards, past it by qsort. */
#define FEW_MEMBERS 16
#define NUMBER_BYTES 64

struct reader {
    struct arena *arena;
    const char *start, *at, *end;
    unsigned depth_left;
    struct json_fault fault;
};

static int read_value(struct reader *reader, struct json_node *node);

static int fail(struct reader *reader, const char *what)
{
    reader->fault.at = (size_t)(reader->at - reader->start);
    reader->fault.what = what;
    return -EINVAL;
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

static bool next_is(const struct reader *reader, char c)
{
    return reader->at < reader->end && *reader->at == c;
}

static int read_string(struct reader *reader, struct text *ret_text)
{
    const char *what;
    const char *close = json_text_read(reader->at + 1, reader->end, reader->arena, ret_text, &what);
    if (!close)
        return fail(reader, what);
    reader->at = close + 1;
    return 0;
}

static bool is_digit(const struct reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool skip_digits(struct reader *reader)
{
    if (!is_digit(reader))
        return false;
    while (is_digit(reader))
        reader->at++;
    return true;
}

static int read_real(struct reader *reader, const char *begin, struct json_node *node)
{
    char few[NUMBER_BYTES];
    size_t length = (size_t)(reader->at - begin);
    char *digits = length < sizeof(few) ? few : arena_alloc(reader->arena, length + 1);
    memcpy(digits, begin, length);
    digits[length] = '\0';
    node->kind = JSON_KIND_REAL;
    node->real = strtod(digits, NULL);
    return isfinite(node->real) ? 0 : fail(reader, "number out of range");
}

static int read_integer(struct reader *reader, const char *begin, struct json_node *node)
{
    bool negative = *begin == '-';
    int64_t value = 0;
    for (const char *at = begin + negative; at < reader->at; at++) {
        int digit = negative ? '0' - *at : *at - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return fail(reader, "integer out of range");
    }
    node->kind = JSON_KIND_INTEGER;
    node->integer = value;
    return 0;
}

static int read_number(struct reader *reader, struct json_node *node)
{
    const char *begin = reader->at;
    bool real = false;
    reader->at += *begin == '-';
    if (next_is(reader, '0'))
        reader->at++;
    else if (!skip_digits(reader))
        return fail(reader, "invalid token");
    if (next_is(reader, '.')) {
        reader->at++;
        real = true;
        if (!skip_digits(reader))
            return fail(reader, "invalid number");
    }
    if (next_is(reader, 'e') || next_is(reader, 'E')) {
        reader->at++;
        reader->at += next_is(reader, '+') || next_is(reader, '-');
        real = true;
        if (!skip_digits(reader))
            return fail(reader, "invalid number");
    }
    return real ? read_real(reader, begin, node) : read_integer(reader, begin, node);
}

static int read_word(struct reader *reader, const char *word, enum json_kind kind,
                     struct json_node *node)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return fail(reader, "invalid token");
    reader->at += length;
    node->kind = kind;
    return 0;
}

static int read_name(struct reader *reader, struct json_node *member)
{
    if (!next_is(reader, '"'))
        return fail(reader, "a member's name expected");
    int error = read_string(reader, &member->name);
    if (error)
        return error;
    skip_space(reader);
    if (!next_is(reader, ':'))
        return fail(reader, "':' expected");
    reader->at++;
    skip_space(reader);
    return 0;
}

/* Behind the opening bracket. */
// NOLINTNEXTLINE(misc-no-recursion)
static int read_items(struct reader *reader, struct json_node *node, char close)
{
    struct json_node **link = &node->first;
    for (;;) {
        struct json_node *item = arena_array(reader->arena, 1, sizeof(*item));
        int error = node->kind == JSON_KIND_OBJECT ? read_name(reader, item) : 0;
        if (!error)
            error = read_value(reader, item);
        if (error)
            return error;
        *link = item;
        link = &item->next;
        node->count++;
        skip_space(reader);
        if (next_is(reader, close)) {
            reader->at++;
            return 0;
        }
        if (!next_is(reader, ','))
            return fail(reader, close == '}' ? "',' or '}' expected" : "',' or ']' expected");
        reader->at++;
        skip_space(reader);
    }
}

// NOLINTNEXTLINE(misc-no-recursion)
static int read_container(struct reader *reader, struct json_node *node)
{
    char close = *reader->at == '{' ? '}' : ']';
    node->kind = close == '}' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
    if (reader->depth_left == 0) {
        reader->fault.too_deep = true;
        return fail(reader, "nested too deeply");
    }
    reader->depth_left--;
    reader->at++;
    skip_space(reader);
    int error = 0;
    if (next_is(reader, close))
        reader->at++;
    else
        error = read_items(reader, node, close);
    if (!error && close == '}' && !json_tree_sort(node, reader->arena))
        error = fail(reader, "duplicate object key");
    reader->depth_left++;
    return error;
}

/* At its first byte. Recursion ends at the limit of depth. */
// NOLINTNEXTLINE(misc-no-recursion)
static int read_value(struct reader *reader, struct json_node *node)
{
    if (reader->at == reader->end)
        return fail(reader, "premature end of input");
    switch (*reader->at) {
    case '{':
    case '[':
        return read_container(reader, node);
    case '"':
        node->kind = JSON_KIND_STRING;
        return read_string(reader, &node->string);
    case 't':
        return read_word(reader, "true", JSON_KIND_TRUE, node);
    case 'f':
        return read_word(reader, "false", JSON_KIND_FALSE, node);
    case 'n':
        return read_word(reader, "null", JSON_KIND_NULL, node);
    default:
        return read_number(reader, node);
    }
}

int json_tree_read(struct arena *arena, const char *bytes, size_t length, unsigned max_depth,
                   struct json_node **ret_root, struct json_fault *ret_fault)
{
    struct reader reader = {arena, bytes, bytes, bytes + length, max_depth, {0}};
    struct json_node *root = arena_array(arena, 1, sizeof(*root));
    skip_space(&reader);
    int error = read_value(&reader, root);
    if (!error) {
        skip_space(&reader);
        if (reader.at != reader.end)
            error = fail(&reader, "end of input expected");
    }
    if (error)
        *ret_fault = reader.fault;
    else
        *ret_root = root;
    return error;
}

static int compare_text(struct text a, struct text b)
{
    int order = memcmp(a.bytes, b.bytes, a.length < b.length ? a.length : b.length);
    if (order)
        return order;
    return (a.length > b.length) - (a.length < b.length);
}

static int compare_members(const void *a, const void *b)
{
    const struct json_node *const *left = a, *const *right = b;
    return compare_text((*left)->name, (*right)->name);
}

static void sort_few(struct json_node **sorted, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct json_node *moving = sorted[i];
        uint32_t j = i;
        for (; j > 0 && compare_text(sorted[j - 1]->name, moving->name) > 0; j--)
            sorted[j] = sorted[j - 1];
        sorted[j] = moving;
    }
}

bool json_tree_sort(struct json_node *object, struct arena *arena)
{
    uint32_t count = 0;
    object->sorted = arena_array(arena, object->count, sizeof(struct json_node *));
    for (struct json_node *member = object->first; member; member = member->next)
        object->sorted[count++] = member;
    if (count <= FEW_MEMBERS)
        sort_few(object->sorted, count);
    else
        qsort(object->sorted, count, sizeof(struct json_node *), compare_members);
    for (uint32_t i = 1; i < count; i++)
        if (compare_text(object->sorted[i - 1]->name, object->sorted[i]->name) == 0)
            return false;
    return true;
}

struct json_node *json_tree_get(const struct json_node *object, const char *name)
{
    struct text wanted = {name, (uint32_t)strlen(name)};
    uint32_t low = 0, high = object->kind == JSON_KIND_OBJECT ? object->count : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_text(object->sorted[middle]->name, wanted);
        if (order == 0)
            return object->sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool json_tree_named(const struct json_node *member, const char *name)
{
    return strlen(name) == member->name.length &&
           memcmp(name, member->name.bytes, member->name.length) == 0;
}

/* The shortest form that C finds for 17 digits, marked as a real, the exponent without padding. */
static void write_real(struct json_out *out, double value)
{
    char digits[40];
    int length = snprintf(digits, sizeof(digits), "%.17g", value);
    char *exponent = strchr(digits, 'e');
    if (!exponent) {
        json_out_append(out, digits, (size_t)length);
        if (!strchr(digits, '.'))
            json_out_append(out, ".0", 2);
        return;
    }
    exponent++;
    json_out_append(out, digits, (size_t)(exponent - digits));
    if (*exponent == '-')
        json_out_append(out, "-", 1);
    exponent++;
    exponent += strspn(exponent, "0");
    json_out_append(out, exponent, strlen(exponent));
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the reader allowed
static void write_node(struct json_out *out, const struct json_node *node)
{
    const struct json_node *item = node->kind == JSON_KIND_ARRAY ? node->first : NULL;
    switch (node->kind) {
    case JSON_KIND_NULL:
        json_out_append(out, "null", 4);
        return;
    case JSON_KIND_FALSE:
        json_out_append(out, "false", 5);
        return;
    case JSON_KIND_TRUE:
        json_out_append(out, "true", 4);
        return;
    case JSON_KIND_INTEGER:
        json_out_integer(out, node->integer);
        return;
    case JSON_KIND_REAL:
        write_real(out, node->real);
        return;
    case JSON_KIND_STRING:
        json_out_string(out, node->string);
        return;
    case JSON_KIND_ARRAY:
        json_out_append(out, "[", 1);
        for (; item; item = item->next) {
            write_node(out, item);
            if (item->next)
                json_out_append(out, ",", 1);
        }
        json_out_append(out, "]", 1);
        return;
    case JSON_KIND_OBJECT:
    default:
        json_out_append(out, "{", 1);
        for (uint32_t i = 0; i < node->count; i++) {
            if (i)
                json_out_append(out, ",", 1);
            json_out_string(out, node->sorted[i]->name);
            json_out_append(out, ":", 1);
            write_node(out, node->sorted[i]);
        }
        json_out_append(out, "}", 1);
    }
}

struct text json_tree_write(const struct json_node *root, struct arena *arena)
{
    struct json_out out = {.arena = arena};
    write_node(&out, root);
    json_out_append(&out, "", 1);
    return (struct text){out.bytes, (uint32_t)(out.length - 1)};
}
