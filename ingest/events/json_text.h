/* Strings of JSON, in and out; for json_tree.c. */
#ifndef MH_INGEST_JSON_TEXT_H
#define MH_INGEST_JSON_TEXT_H

#include <stdbool.h>

#include "ingest/events/arena.h"

/* Reads from behind the opening quote; returns the closing one. The text is in place, or in the
 * arena if something had to be unescaped. NULL with the fault otherwise. */
const char *json_text_read(const char *at, const char *end, struct arena *arena,
                           struct text *ret_text, const char **ret_fault);

/* Text that grows in an arena. */
struct json_out {
    struct arena *arena;
    char *bytes;
    size_t length, capacity;
};

void json_out_append(struct json_out *out, const char *bytes, size_t length);
void json_out_integer(struct json_out *out, int64_t value);
/* In quotes, escaped no more than needed. */
void json_out_string(struct json_out *out, struct text text);

#endif
