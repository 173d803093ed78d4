#include "hub/presence/presence_message.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static void append_string(struct buffer *out, struct presence_text text)
{
    buffer_append_json_string(out, text.bytes, text.length);
}

void presence_append_person(struct buffer *out, const struct presence_person *person)
{
    if (out->length && out->data[out->length - 1] == ']')
        buffer_append(out, ",", 1);
    buffer_append(out, "[", 1);
    append_string(out, person->client);
    buffer_append(out, ",", 1);
    append_string(out, person->user);
    buffer_append(out, ",", 1);
    append_string(out, person->name);
    buffer_printf(out, ",\"%c\"]", person->letter);
}

void presence_append_info(struct buffer *out, const struct presence_person *person)
{
    buffer_append_text(out, "{\"client\":");
    append_string(out, person->client);
    buffer_append_text(out, ",\"user\":");
    append_string(out, person->user);
    buffer_append_text(out, ",\"conn_info\":{\"name\":");
    append_string(out, person->name);
    buffer_append_text(out, "}}");
}

static int read_text(const json_t *person, size_t index, struct presence_text *ret_text)
{
    const json_t *value = json_array_get(person, index);
    if (!json_is_string(value))
        return -EINVAL;
    *ret_text = (struct presence_text){json_string_value(value), json_string_length(value)};
    return 0;
}

static int read_person(const json_t *json, struct presence_person *person)
{
    struct presence_text letter;
    if (json_array_size(json) != 4 || read_text(json, 0, &person->client) ||
        read_text(json, 1, &person->user) || read_text(json, 2, &person->name) ||
        read_text(json, 3, &letter) || letter.length != 1)
        return -EINVAL;
    person->letter = letter.bytes[0];
    return person->letter == PRESENCE_HIDDEN || person->letter == PRESENCE_SHOWN ? 0 : -EINVAL;
}

static void append_push(struct buffer *out, const char *channel, const char *what,
                        const struct presence_person *person)
{
    if (out->length)
        buffer_append(out, "\n", 1);
    buffer_append_text(out, "{\"push\":{\"channel\":");
    buffer_append_json_string(out, channel, strlen(channel));
    buffer_printf(out, ",\"%s\":{\"info\":", what);
    presence_append_info(out, person);
    buffer_append_text(out, "}}}");
}

static int append_pushes(const char *channel, const char *what, const json_t *people, size_t limit,
                         struct presence_pushes *pushes)
{
    if (people && !json_is_array(people))
        return -EINVAL;
    for (size_t i = 0; i < json_array_size(people); i++) {
        struct presence_person person;
        if (read_person(json_array_get(people, i), &person))
            return -EINVAL;
        if (pushes->count++ >= limit)
            continue;
        append_push(&pushes->all, channel, what, &person);
        if (person.letter == PRESENCE_SHOWN)
            append_push(&pushes->shown, channel, what, &person);
    }
    return 0;
}

int presence_message_decode(const char *channel, const char *bytes, size_t length, size_t limit,
                            struct presence_pushes *pushes)
{
    json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
    *pushes = (struct presence_pushes){.count = 0};
    int error = json_is_object(root) ? 0 : -EINVAL;
    if (!error)
        error = append_pushes(channel, "join", json_object_get(root, "join"), limit, pushes);
    if (!error)
        error = append_pushes(channel, "leave", json_object_get(root, "leave"), limit, pushes);
    if (error)
        presence_pushes_done(pushes);
    json_decref(root);
    return error;
}

void presence_pushes_done(struct presence_pushes *pushes)
{
    buffer_done(&pushes->all);
    buffer_done(&pushes->shown);
}

bool presence_text_valid(const char *bytes, size_t length)
{
    json_t *string = json_stringn(bytes, length);
    json_decref(string);
    return string != NULL;
}

bool presence_field_split(const char *bytes, size_t length, struct presence_person *person)
{
    const char *slash = memchr(bytes, '/', length);
    if (!slash || !presence_text_valid(bytes, length))
        return false;
    size_t user_length = (size_t)(slash - bytes);
    person->user = (struct presence_text){bytes, user_length};
    person->client = (struct presence_text){slash + 1, length - user_length - 1};
    return true;
}
