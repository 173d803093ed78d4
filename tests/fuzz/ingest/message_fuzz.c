/* The decoder of posted messages. What is not refused must be fit for Postgres. */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/messages/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(struct text text)
{
    json_t *string = json_stringn(text.bytes, text.length);
    require(string != NULL); /* valid UTF-8 */
    json_decref(string);
    require(strlen(text.bytes) == text.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct message message;
    const char *field = NULL;
    enum reason reason = message_decode((const char *)data, size, &arena, &message, &field);
    if (reason == REASON_NONE) {
        check_text(message.client_id);
        check_text(message.body);
        require(message.client_id.length == 36);
        require(message.body.length >= 1 && message.body.length <= MESSAGE_MAX_BODY);
    } else {
        require(reason_status(reason) == 400 || reason_status(reason) == 422);
    }
    arena_done(&arena);
    return 0;
}
