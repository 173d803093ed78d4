/* The event decoder in every mode. The first byte chooses the mode; in binary mode `name=value`
 * lines up to an empty one are the ce-* headers. What is not rejected must be fit for Postgres. */
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/events/cloudevents.h"
#include "shared/base/memory.h"

#define MAX_HEADERS 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(struct text text, bool required)
{
    require(text.bytes || !required);
    if (!text.bytes)
        return;
    require(memchr(text.bytes, 0, text.length) == NULL);
    json_t *string = json_stringn(text.bytes, text.length);
    require(string != NULL); /* valid UTF-8 */
    json_decref(string);
}

static void check_event(const struct event *event, const struct event_context *context)
{
    if (event->field)
        check_text((struct text){event->field, (uint32_t)strlen(event->field)}, true);
    if (event->detail)
        check_text((struct text){event->detail, (uint32_t)strlen(event->detail)}, true);
    check_text(event->id, event->status == EVENT_PENDING);
    if (event->status == EVENT_REJECTED)
        return;
    require(event->status == EVENT_PENDING && !event->historical);
    check_text(event->source, true);
    check_text(event->job, event_type_needs_job(event->type));
    check_text(event->model, false);
    check_text(event->prompt, false);
    require(event->attempt >= 1 && event->attempt <= 1000);
    require(event->cost_micros == EVENT_NO_NUMBER ||
            (event->cost_micros >= 0 && event->cost_micros <= 1000000000000));
    json_t *stored =
        json_loadb(event->data.bytes, event->data.length, JSON_REJECT_DUPLICATES, NULL);
    require(json_is_object(stored));
    json_decref(stored);
    require(event->index < context->max_events);
}

/* Cuts header lines off the text, which it changes. */
static size_t take_headers(char **text, struct event_header *headers)
{
    size_t count = 0;
    while (count < MAX_HEADERS && **text && **text != '\n') {
        char *end = strchr(*text, '\n');
        if (end)
            *end = '\0';
        char *equals = strchr(*text, '=');
        if (equals)
            *equals = '\0';
        headers[count++] = (struct event_header){*text, equals ? equals + 1 : ""};
        if (!end) {
            *text = strchr(equals ? equals + 1 : *text, '\0');
            return count;
        }
        *text = end + 1;
    }
    *text += **text == '\n';
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct event_context context = {.now_us = 1795264369000000,
                                                 .max_events = 100,
                                                 .max_depth = 8,
                                                 .partner_id = 7,
                                                 .key_id = 9,
                                                 .partner_code = "INCEPT",
                                                 .key_public_id = "abcdefghijkl"};
    struct event_header headers[MAX_HEADERS];
    struct event_batch batch;
    size_t count = 0;
    if (size == 0 || sodium_init() < 0)
        return 0;
    enum event_mode mode = (enum event_mode)(data[0] % 5);
    char *copy = memory_strndup((const char *)data + 1, size - 1), *body = copy;
    size_t length = size - 1;
    if (mode == EVENT_MODE_BINARY && memchr(copy, 0, length) == NULL) {
        count = take_headers(&body, headers);
        length -= (size_t)(body - copy);
    }
    struct arena arena = {0};
    event_batch_init(&batch, &arena);
    enum reason reason = event_batch_decode(&batch, mode, headers, count, body, length, &context);
    if (reason == REASON_NONE)
        for (uint32_t i = 0; i < batch.count; i++)
            check_event(&batch.events[i], &context);
    arena_done(batch.arena);
    free(copy);
    return 0;
}
