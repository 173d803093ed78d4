#include "hub/session/protocol.h"

#include <errno.h>
#include <string.h>

const struct protocol_code protocol_errors[PROTOCOL_ERROR_COUNT] = {
#define X(name, number, temporary, text) {number, temporary, text},
    PROTOCOL_ERROR_TABLE(X)
#undef X
};

const struct protocol_code protocol_closes[PROTOCOL_CLOSE_COUNT] = {
#define X(name, number, text) {number, number < 3500, text},
    PROTOCOL_CLOSE_TABLE(X)
#undef X
};

const struct protocol_code protocol_unsubscribes[PROTOCOL_UNSUBSCRIBE_COUNT] = {
#define X(name, number, text) {number, number >= 2500, text},
    PROTOCOL_UNSUBSCRIBE_TABLE(X)
#undef X
};

static const char *const method_texts[] = {
#define X(name, text) text,
    PROTOCOL_METHOD_TABLE(X)
#undef X
};

/* ---- decoding ---- */

static int read_text(const json_t *request, const char *member, struct protocol_text *out)
{
    const json_t *value = json_object_get(request, member);
    if (!value || json_is_null(value)) {
        *out = (struct protocol_text){"", 0};
        return 0;
    }
    if (!json_is_string(value))
        return -EINVAL;
    *out = (struct protocol_text){json_string_value(value), json_string_length(value)};
    return 0;
}

/* Where history begins: `since`, a position. */
static int read_history(const json_t *request, struct command *command)
{
    const json_t *since = json_object_get(request, "since");
    const json_t *limit = json_object_get(request, "limit");
    const json_t *reverse = json_object_get(request, "reverse");
    if ((limit && !json_is_integer(limit)) || (reverse && !json_is_boolean(reverse)))
        return -EINVAL;
    command->limit = json_integer_value(limit);
    command->reverse = json_is_true(reverse);
    command->has_since = since && !json_is_null(since);
    if (!command->has_since)
        return 0;
    const json_t *offset = json_object_get(since, "offset");
    if (!json_is_object(since) || (offset && !json_is_integer(offset)))
        return -EINVAL;
    command->offset = json_integer_value(offset);
    return command->offset < 0 ? -EINVAL : read_text(since, "epoch", &command->epoch);
}

static int read_request(const json_t *request, struct command *command)
{
    const json_t *offset = json_object_get(request, "offset");
    const json_t *recover = json_object_get(request, "recover");
    const json_t *join_leave = json_object_get(request, "join_leave");
    if (read_text(request, "token", &command->token) ||
        read_text(request, "channel", &command->channel) ||
        read_text(request, "epoch", &command->epoch) || read_text(request, "method", &command->rpc))
        return -EINVAL;
    if ((offset && !json_is_integer(offset)) || (recover && !json_is_boolean(recover)) ||
        (join_leave && !json_is_boolean(join_leave)))
        return -EINVAL;
    command->data = json_object_get(request, "data");
    command->offset = json_integer_value(offset);
    command->recover = json_is_true(recover);
    command->join_leave = json_is_true(join_leave);
    return command->offset < 0 ? -EINVAL : 0;
}

/* The first request found counts, as the protocol says. */
static int read_method(const json_t *root, struct command *command)
{
    for (size_t i = 0; i < ARRAY_LENGTH(method_texts); i++) {
        const json_t *request = json_object_get(root, method_texts[i]);
        if (!request || json_is_null(request))
            continue;
        if (!json_is_object(request))
            return -EINVAL;
        command->method = (enum protocol_method)i;
        int error = read_request(request, command);
        return error || command->method != METHOD_HISTORY ? error : read_history(request, command);
    }
    command->method = command->id ? METHOD_UNKNOWN : METHOD_PONG;
    return command->id || json_object_size(root) == 0 ? 0 : -EINVAL;
}

static int read_command(const json_t *root, struct command *command)
{
    const json_t *id = json_object_get(root, "id");
    if (!json_is_object(root) || (id && !json_is_integer(id)))
        return -EINVAL;
    int64_t number = json_integer_value(id);
    if (number < 0 || number > UINT32_MAX)
        return -EINVAL;
    command->id = (uint32_t)number;
    int error = read_method(root, command);
    if (error)
        return error;
    bool wants_reply = command->method != METHOD_PONG && command->method != METHOD_SEND;
    return wants_reply && !command->id ? -EINVAL : 0;
}

int command_decode(const char *bytes, size_t length, struct command *ret_command)
{
    static const struct protocol_text nothing = {"", 0};
    struct command command = {
        .token = nothing, .channel = nothing, .epoch = nothing, .rpc = nothing};
    command.root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
    if (!command.root)
        return -EINVAL;
    int error = read_command(command.root, &command);
    if (error)
        command_done(&command);
    else
        *ret_command = command;
    return error;
}

void command_done(struct command *command)
{
    json_decref(command->root);
    command->root = NULL;
}

bool protocol_next_line(const char **bytes, size_t *length, const char **ret_line,
                        size_t *ret_length)
{
    while (*length) {
        const char *line = *bytes;
        const char *end = memchr(line, '\n', *length);
        size_t line_length = end ? (size_t)(end - line) : *length;
        size_t taken = end ? line_length + 1 : line_length;
        *bytes += taken;
        *length -= taken;
        if (line_length && line[line_length - 1] == '\r')
            line_length--;
        if (!line_length)
            continue;
        *ret_line = line;
        *ret_length = line_length;
        return true;
    }
    return false;
}

/* ---- encoding ---- */

static void separate(struct buffer *out)
{
    if (out->length)
        buffer_append(out, "\n", 1);
}

void protocol_append_error(struct buffer *out, uint32_t id, enum protocol_error error)
{
    const struct protocol_code *code = &protocol_errors[error];
    separate(out);
    buffer_printf(out, "{\"id\":%u,\"error\":{\"code\":%u,\"message\":\"%s\"%s}}", id, code->number,
                  code->text, code->temporary ? ",\"temporary\":true" : "");
}

void protocol_open_reply(struct buffer *out, uint32_t id, enum protocol_method method)
{
    separate(out);
    buffer_printf(out, "{\"id\":%u,\"%s\":{", id, protocol_method_text(method));
}

void protocol_append_empty(struct buffer *out, uint32_t id, enum protocol_method method)
{
    protocol_open_reply(out, id, method);
    buffer_append(out, "}}", 2);
}

void protocol_append_ping(struct buffer *out)
{
    separate(out);
    buffer_append(out, "{}", 2);
}

void protocol_append_unsubscribe(struct buffer *out, const char *channel,
                                 enum protocol_unsubscribe code)
{
    separate(out);
    buffer_append_text(out, "{\"push\":{\"channel\":");
    buffer_append_json_string(out, channel, strlen(channel));
    buffer_printf(out, ",\"unsubscribe\":{\"code\":%u,\"reason\":\"%s\"}}}",
                  protocol_unsubscribes[code].number, protocol_unsubscribes[code].text);
}

const char *protocol_method_text(enum protocol_method method)
{
    return (size_t)method < ARRAY_LENGTH(method_texts) ? method_texts[method] : "";
}
