/* A message of a client, as the session takes it apart: lines, then commands. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/session/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct command *command)
{
    if (command->method >= METHOD_COUNT || command->offset < 0)
        abort();
    if (!command->id && command->method != METHOD_PONG && command->method != METHOD_SEND)
        abort();
    const struct protocol_text texts[] = {command->token, command->channel, command->epoch,
                                          command->rpc};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        if (strlen(texts[i].bytes) != texts[i].length)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data, *line = NULL;
    size_t length = 0;
    while (protocol_next_line(&bytes, &size, &line, &length)) {
        struct command command;
        if (!length || memchr(line, '\n', length))
            abort();
        if (command_decode(line, length, &command))
            continue;
        check(&command);
        command_done(&command);
    }
    return 0;
}
