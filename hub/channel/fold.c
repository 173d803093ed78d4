#include "hub/channel/fold.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this a state is hardly larger, and cheaper to make. */
#define MAX_BYTES (64u << 10)
/* Decimals come out as the same number, so that readers' states agree to the last digit. */
#define ENCODING (JSON_COMPACT | JSON_REAL_PRECISION(17))

/* What `sum` said of a member, then `next`: an object that follows a value or a removal would be
 * merged into the client's old object instead of replacing it. */
/* NOLINTNEXTLINE(misc-no-recursion): no deeper than our own documents */
static bool merge(json_t *sum, json_t *next)
{
    const char *name;
    json_t *value;
    json_object_foreach(next, name, value)
    {
        json_t *before = json_object_get(sum, name);
        if (before && json_is_object(value)) {
            if (!json_is_object(before) || !merge(before, value))
                return false;
        } else {
            json_object_set(sum, name, value);
        }
    }
    return true;
}

static bool add(json_t *sum, json_t **at, const struct publication *publication)
{
    const char *bytes = (const char *)publication->frame->data + publication->at;
    json_t *root = json_loadb(bytes, publication->length, 0, NULL);
    const json_t *data = json_object_get(root, "data");
    json_t *patch = json_object_get(data, "p");
    bool added = json_is_object(patch) && merge(sum, patch);
    json_decref(*at);
    *at = json_incref(json_object_get(data, "at"));
    json_decref(root);
    return added;
}

static void append(const struct view *view, int64_t offset, const json_t *sum, const json_t *at,
                   struct buffer *out)
{
    char *text = json_dumps(sum, ENCODING);
    buffer_printf(out,
                  "{\"t\":\"patch\",\"from\":%" PRId64 ",\"to\":%" PRId64
                  ",\"at\":%" JSON_INTEGER_FORMAT ",\"p\":",
                  offset, view->offset, json_integer_value(at));
    buffer_append_text(out, text);
    buffer_append(out, "}", 1);
    free(text);
}

bool fold_patches(const struct view *view, int64_t offset, struct buffer *out)
{
    int64_t missing = view_first_missing(view, offset);
    size_t first = ring_find(&view->ring, missing);
    if (missing < view->reach || ring_size(&view->ring, first) > MAX_BYTES)
        return false;
    if (first == view->ring.count)
        return true;
    json_t *sum = json_object(), *at = NULL;
    bool folded = true;
    for (size_t i = first; folded && i < view->ring.count; i++)
        folded = add(sum, &at, ring_at(&view->ring, i));
    if (folded)
        append(view, offset, sum, at, out);
    json_decref(sum);
    json_decref(at);
    return folded;
}
