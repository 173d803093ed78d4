#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "hub/presence/presence_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever comes, every line of both streams is JSON that a client can read. */
static void check_lines(const struct buffer *pushes)
{
    for (size_t at = 0; at < pushes->length;) {
        const char *line = pushes->data + at;
        const char *end = memchr(line, '\n', pushes->length - at);
        size_t length = end ? (size_t)(end - line) : pushes->length - at;
        json_t *push = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_string(json_object_get(json_object_get(push, "push"), "channel")))
            abort();
        json_decref(push);
        at += length + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct presence_pushes pushes;
    struct presence_person person;
    if (presence_message_decode("metrics:partner:A", (const char *)data, size, 8, &pushes) == 0) {
        check_lines(&pushes.all);
        check_lines(&pushes.shown);
        if (pushes.shown.length > pushes.all.length)
            abort();
        presence_pushes_done(&pushes);
    }
    if (presence_field_split((const char *)data, size, &person) &&
        person.user.length + person.client.length + 1 != size)
        abort();
    return 0;
}
