/* Query strings as JSON: each name once, not empty, in UTF-8 without NUL, as many as are allowed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/access_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static size_t pairs_of(const char *query)
{
    size_t count = 0;
    for (; *query; query += strcspn(query, "&")) {
        query += strspn(query, "&");
        count += *query != '\0';
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    const char *query = arena_text(&arena, (const char *)data, size).bytes, *field = NULL, *name;
    json_t *value, *object = access_query_parse(query, &arena, &field);
    require(!object || json_object_size(object) == pairs_of(query));
    require(json_object_size(object) <= ACCESS_QUERY_MAX);
    json_object_foreach(object, name, value)
    {
        require(*name != '\0');
        require(json_string_length(value) == strlen(json_string_value(value)));
    }
    json_decref(object);
    arena_done(&arena);
    return 0;
}
