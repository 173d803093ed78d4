/* A thread's message from Redis, and its row from Postgres. What is accepted goes to clients as it
 * is, inside our own JSON, one message per line. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "hub/feed/feed_delta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct feed_delta *row)
{
    json_t *root = json_loadb(row->text, row->length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root) || memchr(row->text, '\n', row->length))
        abort();
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed_message message;
    struct feed_delta *row;
    if (!log_message_decode((const char *)data, size, &message)) {
        if (message.seq < 1 || message.platform_seq || !message.channel[0])
            abort();
        check(message.delta);
        feed_delta_unref(message.delta);
    }
    if (!log_row_decode((const char *)data, size, &row)) {
        check(row);
        feed_delta_unref(row);
    }
    return 0;
}
