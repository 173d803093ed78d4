#include "hub/channel/document.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

void document_done(struct document *document)
{
    free(document->leaves);
    *document = (struct document){.count = 0};
}

void document_clear(struct document *document)
{
    document->count = 0;
}

static struct document_leaf *append(struct document *document)
{
    if (document->count == document->capacity) {
        document->capacity = document->capacity ? document->capacity * 2 : 256;
        document->leaves =
            memory_realloc(document->leaves, document->capacity * sizeof(*document->leaves));
    }
    assert(document->leaves);
    return &document->leaves[document->count++];
}

void document_add(struct document *document, uint64_t key, enum document_type type,
                  enum field_class class, int64_t value)
{
    assert(!document->count || document->leaves[document->count - 1].key < key);
    *append(document) = (struct document_leaf){
        .key = key, .value = value, .type = (uint8_t)type, .class = (uint8_t) class};
}

/* Is there a leaf of this container beside position `at`, where the missing key would stand? */
static bool container_lives(const struct document_kind *kind, const struct document *document,
                            size_t at, uint64_t container)
{
    if (at < document->count && kind->container(document->leaves[at].key) == container)
        return true;
    return at > 0 && kind->container(document->leaves[at - 1].key) == container;
}

/* Notes the removal of the leaf before[*at], or of its whole container; moves *at past it. */
static void diff_removal(const struct document_kind *kind, const struct document *before,
                         size_t *at, const struct document *after, size_t after_at,
                         struct document *difference)
{
    const struct document_leaf *leaf = &before->leaves[*at];
    uint64_t container = kind->container(leaf->key);
    struct document_leaf *removal = append(difference);
    *removal = *leaf;
    removal->removed = true;
    (*at)++;
    if (!container || container_lives(kind, after, after_at, container))
        return;
    removal->key = container;
    removal->class = FIELD_F0;
    while (*at < before->count && kind->container(before->leaves[*at].key) == container)
        (*at)++;
}

void document_diff(const struct document_kind *kind, const struct document *before,
                   const struct document *after, struct document *ret_difference)
{
    size_t i = 0, j = 0;
    document_clear(ret_difference);
    while (i < before->count || j < after->count) {
        bool gone = i < before->count &&
                    (j == after->count || before->leaves[i].key < after->leaves[j].key);
        if (gone) {
            diff_removal(kind, before, &i, after, j, ret_difference);
            continue;
        }
        const struct document_leaf *new = &after->leaves[j++];
        bool known = i < before->count && before->leaves[i].key == new->key;
        const struct document_leaf *old = known ? &before->leaves[i++] : NULL;
        if (!old || new->value != old->value || new->type != old->type)
            *append(ret_difference) = *new;
    }
}

void document_append_micros(struct buffer *out, int64_t micros)
{
    char text[32];
    uint64_t absolute = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
    int length = snprintf(text, sizeof(text), "%s%" PRIu64 ".%06" PRIu64, micros < 0 ? "-" : "",
                          absolute / 1000000, absolute % 1000000);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    buffer_append(out, text, (size_t)length);
}

static void append_value(const struct document_kind *kind, const void *owner,
                         const struct document_leaf *leaf, struct buffer *out)
{
    if (leaf->removed) {
        buffer_append(out, "null", 4);
        return;
    }
    switch ((enum document_type)leaf->type) {
    case DOCUMENT_INTEGER:
        buffer_append_i64(out, leaf->value);
        break;
    case DOCUMENT_MICROS:
        document_append_micros(out, leaf->value);
        break;
    case DOCUMENT_QUOTED:
        buffer_append(out, "\"", 1);
        buffer_append_i64(out, leaf->value);
        buffer_append(out, "\"", 1);
        break;
    case DOCUMENT_NAME: {
        const char *text = kind->text(owner, leaf->value);
        buffer_append_json_string(out, text, strlen(text));
        break;
    }
    }
}

struct path {
    size_t depth;
    struct document_step steps[DOCUMENT_MAX_DEPTH];
};

static size_t common_depth(const struct path *a, const struct path *b)
{
    size_t depth = 0;
    while (depth < a->depth && depth < b->depth && a->steps[depth].kind == b->steps[depth].kind &&
           a->steps[depth].value == b->steps[depth].value)
        depth++;
    return depth;
}

static void append_closing(struct buffer *out, size_t count)
{
    while (count--)
        buffer_append(out, "}", 1);
}

/* Closes what the last path had open beyond the common part, opens the new one's. */
static void append_member(const struct document_kind *kind, const void *owner,
                          const struct path *last, const struct path *path, struct buffer *out)
{
    size_t common = common_depth(last, path);
    if (last->depth) {
        append_closing(out, last->depth - 1 - common);
        buffer_append(out, ",", 1);
    }
    for (size_t i = common; i < path->depth; i++) {
        char name[DOCUMENT_NAME_SIZE];
        kind->name(owner, path->steps[i], name);
        if (i > common)
            buffer_append(out, "{", 1);
        buffer_append(out, "\"", 1);
        buffer_append_text(out, name);
        buffer_append(out, "\":", 2);
    }
}

bool document_encode(const struct document_kind *kind, const void *owner,
                     const struct document *document, uint32_t mask, struct buffer *out)
{
    struct path paths[2] = {{.depth = 0}, {.depth = 0}};
    struct path *last = &paths[0], *path = &paths[1];
    for (size_t i = 0; i < document->count; i++) {
        const struct document_leaf *leaf = &document->leaves[i];
        if (!(mask & FIELD_BIT(leaf->class)))
            continue;
        path->depth = kind->path(leaf->key, path->steps);
        append_member(kind, owner, last, path, out);
        append_value(kind, owner, leaf, out);
        struct path *swap = last;
        last = path;
        path = swap;
    }
    if (last->depth)
        append_closing(out, last->depth - 1);
    return last->depth != 0;
}
