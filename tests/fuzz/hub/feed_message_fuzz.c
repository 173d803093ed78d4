/* A message from Redis: decoded, applied to the states of both kinds of channel, and shown. What a
 * client would get must be JSON whatever came in. */
#include <stdint.h>
#include <stdlib.h>

#include "hub/channel/job_state.h"
#include "hub/channel/metric_document.h"
#include "hub/feed/feed_delta.h"

#define NOW_MS INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void close_and_check(struct buffer *out)
{
    buffer_append(out, "}", 1);
    json_t *root = json_loadb(out->data, out->length, JSON_REJECT_DUPLICATES, NULL);
    if (!root)
        abort();
    json_decref(root);
    buffer_done(out);
}

static void show_metrics(const struct feed_delta *delta)
{
    struct partner_names names = {0};
    struct document document = {0};
    struct buffer out = BUFFER_INIT;
    struct metric_scope *scope = metric_scope_new(true, &names, NOW_MS, 900000);
    metric_scope_apply(scope, delta);
    metric_scope_advance(scope, NOW_MS + 60000);
    metric_document_render(scope, &document);
    buffer_append(&out, "{", 1);
    (void)document_encode(&metric_document_kind, &names, &document, ~0u, &out);
    close_and_check(&out);
    document_done(&document);
    metric_scope_free(scope);
    partner_names_done(&names);
}

static void show_jobs(const struct feed_delta *delta)
{
    struct job_state state = {0};
    struct job_picture picture = {0};
    struct buffer out = BUFFER_INIT;
    job_state_apply(&state, delta);
    job_picture_take(&picture, &state);
    buffer_append(&out, "{", 1);
    job_picture_encode(&picture, ~0u, &out);
    close_and_check(&out);
    job_picture_clear(&picture);
    job_state_clear(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed_message message;
    if (feed_message_decode((const char *)data, size, &message))
        return 0;
    show_metrics(message.delta);
    show_jobs(message.delta);
    feed_delta_unref(message.delta);
    return 0;
}
