/* JSON of one event as a tree in an arena: what an integrator's JSON costs is one pass over its
 * bytes and no allocation. Stricter than RFC 8259 where Postgres or a reader would stumble: valid
 * UTF-8, no NUL, no lone surrogates, no member twice, integers of 64 bits, finite reals. */
#ifndef MH_INGEST_JSON_TREE_H
#define MH_INGEST_JSON_TREE_H

#include <stdbool.h>

#include "ingest/events/arena.h"

enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_FALSE,
    JSON_KIND_TRUE,
    JSON_KIND_INTEGER,
    JSON_KIND_REAL,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT
};

struct json_node {
    enum json_kind kind;
    uint32_t count;         /* of members or elements */
    struct text name;       /* of a member; not NUL-terminated, as all strings here */
    struct json_node *next; /* in the order of the text */
    union {
        struct text string;
        int64_t integer;
        double real;
        struct {
            struct json_node *first;
            struct json_node **sorted; /* an object's members by name */
        };
    };
};

struct json_fault {
    size_t at; /* byte */
    const char *what;
    bool too_deep;
};

/* 0, or -EINVAL with the fault. The tree lives in `arena`, its strings there or in `bytes`. */
MUST_CHECK int json_tree_read(struct arena *arena, const char *bytes, size_t length,
                              unsigned max_depth, struct json_node **ret_root,
                              struct json_fault *ret_fault);
/* The member, or NULL. */
struct json_node *json_tree_get(const struct json_node *object, const char *name);
bool json_tree_named(const struct json_node *member, const char *name);
/* After members were added to the list: sorts them; false if a name stands twice. */
bool json_tree_sort(struct json_node *object, struct arena *arena);
/* Compact, members sorted by name; NUL follows. */
struct text json_tree_write(const struct json_node *root, struct arena *arena);
bool json_utf8_valid(const char *bytes, size_t length);

#endif
