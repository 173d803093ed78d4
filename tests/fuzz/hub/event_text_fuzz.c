/* Last-Event-ID as a client sends it, and publications as they become events: whatever they are,
 * no line of theirs begins an event of its own. */
#include <stdlib.h>
#include <string.h>

#include "hub/channel/event_text.h"
#include "shared/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void parse_id(const char *text)
{
    size_t epoch_length = 0;
    int64_t offset = -1;
    if (event_id_parse(text, &epoch_length, &offset))
        return;
    require(epoch_length > 0 && epoch_length < strlen(text) && text[epoch_length] == ':');
    require(offset >= 0);
}

static size_t lines(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += text[i] == '\n';
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view view = {.channel = "thread:thr_1", .log = true, .epoch = "db"};
    struct buffer missed = BUFFER_INIT, out = BUFFER_INIT;
    char *text = memory_strndup((const char *)data, size);
    parse_id(text);
    buffer_append(&missed, text, size);
    event_text_append_missed(&out, view.epoch, &missed);
    buffer_done(&missed);
    buffer_done(&out);

    /* One publication whose data is the input, without what JSON text has none of. */
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(text[i] == '\n' ? ' ' : text[i]);
    struct publication publication = publication_encode(view.channel, text, size, 7);
    struct batch batch = {.count = 1, .frame = publication.frame};
    struct frame *events = event_text_of_batch(&view, &batch);
    require(lines((const char *)events->data, events->length) == 3);
    frame_unref(batch.events);
    frame_unref(publication.frame);
    free(text);
    return 0;
}
