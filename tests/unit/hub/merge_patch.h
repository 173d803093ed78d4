/* RFC 7396 in its own words, to judge the patches by. */
#ifndef MH_TEST_MERGE_PATCH_H
#define MH_TEST_MERGE_PATCH_H

#include <jansson.h>

/* Takes over nothing, returns a new reference. */
// NOLINTNEXTLINE(misc-no-recursion): the RFC's own definition
static inline json_t *merge_patch(const json_t *target, json_t *patch)
{
    if (!json_is_object(patch))
        return json_incref(patch);
    json_t *merged =
        json_is_object(target) ? json_copy((json_t *)(uintptr_t)target) : json_object();
    const char *key;
    json_t *value;
    json_object_foreach(patch, key, value)
    {
        if (json_is_null(value))
            json_object_del(merged, key);
        else
            json_object_set_new(merged, key, merge_patch(json_object_get(merged, key), value));
    }
    return merged;
}

#endif
