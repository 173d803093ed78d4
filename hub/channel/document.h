/* A document is the flat form of what a client sees: leaves sorted by a 64-bit key, each with its
 * field class. The key packs the path, so that the difference of two documents is one merge of two
 * sorted arrays, and redaction is a mask. The kind of document says how a key becomes a path.
 * Encoded either whole or as an RFC 7396 merge patch. Lives on the hub's loop. */
#ifndef MH_HUB_DOCUMENT_H
#define MH_HUB_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/access/role.h"
#include "shared/base/buffer.h"

#define DOCUMENT_MAX_DEPTH 6
#define DOCUMENT_NAME_SIZE 64

enum document_type {
    DOCUMENT_INTEGER,
    DOCUMENT_MICROS, /* a decimal number with six digits, given in millionths */
    DOCUMENT_QUOTED, /* an integer as a string */
    DOCUMENT_NAME    /* text that the kind looks up by the number */
};

struct document_leaf {
    uint64_t key;
    int64_t value;
    uint8_t type;  /* enum document_type */
    uint8_t class; /* enum field_class */
    bool removed;  /* only in a difference: this member, with all below it, is gone */
};

struct document {
    size_t count, capacity;
    struct document_leaf *leaves;
};

/* One step of a path: what kind of name it is, and which. Compared as a whole. */
struct document_step {
    uint32_t kind, value;
};

struct document_kind {
    /* Writes the path's steps, returns how many. */
    size_t (*path)(uint64_t key, struct document_step steps[DOCUMENT_MAX_DEPTH]);
    /* The member's name: without characters that JSON escapes. */
    void (*name)(const void *owner, struct document_step step, char out[DOCUMENT_NAME_SIZE]);
    /* Of DOCUMENT_NAME. */
    const char *(*text)(const void *owner, int64_t value);
    /* The part of a key that names the object which comes and goes as a whole, e.g. a bucket of a
     * series; 0: the leaf does so by itself. */
    uint64_t (*container)(uint64_t key);
};

void document_done(struct document *document);
void document_clear(struct document *document);
/* Keys must come in ascending order. */
void document_add(struct document *document, uint64_t key, enum document_type type,
                  enum field_class class, int64_t value);
/* Puts into `ret_difference` what turns `before` into `after`. */
void document_diff(const struct document_kind *kind, const struct document *before,
                   const struct document *after, struct document *ret_difference);
/* Appends the members `"a":…,"b":…` (no braces) that the mask may see; false: there are none. */
bool document_encode(const struct document_kind *kind, const void *owner,
                     const struct document *document, uint32_t mask, struct buffer *out);

/* 1234567 -> 1.234567; zeros at the end are cut. */
void document_append_micros(struct buffer *out, int64_t micros);

#endif
