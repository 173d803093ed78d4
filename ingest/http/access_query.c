#include "ingest/http/access_query.h"

#include <string.h>

#include "shared/base/percent.h"

/* A decoded copy, or NULL. */
static char *decode(const char *text, size_t length, struct arena *arena)
{
    char *copy = (char *)(uintptr_t)arena_text(arena, text, length).bytes;
    return percent_decode(copy, true) ? copy : NULL;
}

static bool add_pair(json_t *object, const char *pair, size_t length, struct arena *arena,
                     const char **ret_field)
{
    const char *equals = memchr(pair, '=', length);
    size_t name_length = equals ? (size_t)(equals - pair) : length;
    size_t value_at = name_length + (equals != NULL);
    char *name = decode(pair, name_length, arena);
    char *value = decode(pair + value_at, length - value_at, arena);
    json_t *text = value ? json_string(value) : NULL;
    json_t *key = name && *name ? json_string(name) : NULL;
    *ret_field = key ? name : NULL;
    bool added = key && text && !json_object_get(object, name) &&
                 json_object_size(object) < ACCESS_QUERY_MAX &&
                 json_object_set(object, name, text) == 0;
    json_decref(key);
    json_decref(text);
    return added;
}

json_t *access_query_parse(const char *query, struct arena *arena, const char **ret_field)
{
    json_t *object = json_object();
    *ret_field = NULL;
    while (object && *query) {
        size_t length = strcspn(query, "&");
        if (length && !add_pair(object, query, length, arena, ret_field)) {
            json_decref(object);
            return NULL;
        }
        query += length;
        query += *query != '\0';
    }
    return object;
}
