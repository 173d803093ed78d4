#include "hub/channel/view.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

struct view *view_new(uint32_t mask, const char *epoch, int64_t offset, size_t ring_size)
{
    struct view *view = memory_zalloc(sizeof(*view));
    list_init(&view->link);
    list_init(&view->subscribers);
    view->mask = mask;
    view->offset = view->start = offset;
    view->dropped_to = -1;
    view->ring_size = ring_size;
    view->ring = memory_array(ring_size, sizeof(*view->ring));
    (void)snprintf(view->epoch, sizeof(view->epoch), "%s", epoch);
    return view;
}

void view_free(struct view *view)
{
    if (!view)
        return;
    assert(list_empty(&view->subscribers));
    list_remove(&view->link);
    for (size_t i = 0; i < view->ring_count; i++)
        frame_unref(view->ring[(view->ring_first + i) % view->ring_size].frame);
    free(view->ring);
    frame_unref(view->state);
    free(view);
}

struct frame *view_frame(const char *channel, const char *data, size_t length, int64_t offset,
                         uint32_t *ret_at, uint32_t *ret_length)
{
    struct buffer out = BUFFER_INIT;
    buffer_append_text(&out, "{\"push\":{\"channel\":");
    buffer_append_json_string(&out, channel, strlen(channel));
    buffer_append_text(&out, ",\"pub\":");
    size_t at = out.length;
    buffer_append_text(&out, "{\"data\":");
    buffer_append(&out, data, length);
    buffer_append_text(&out, ",\"offset\":");
    buffer_append_i64(&out, offset);
    buffer_append_text(&out, "}");
    *ret_at = (uint32_t)at;
    *ret_length = (uint32_t)(out.length - at);
    buffer_append_text(&out, "}}");
    struct frame *frame = frame_new(out.data, out.length);
    buffer_done(&out);
    return frame;
}

static struct patch *ring_push(struct view *view)
{
    if (view->ring_count == view->ring_size) {
        struct patch *oldest = &view->ring[view->ring_first];
        view->dropped_to = oldest->to;
        frame_unref(oldest->frame);
        view->ring_first = (view->ring_first + 1) % view->ring_size;
        view->ring_count--;
    }
    return &view->ring[(view->ring_first + view->ring_count++) % view->ring_size];
}

struct frame *view_publish(struct view *view, const char *channel, int64_t to,
                           const struct buffer *data)
{
    struct patch *patch = ring_push(view);
    patch->to = to;
    patch->frame = view_frame(channel, data->data, data->length, to, &patch->publication_at,
                              &patch->publication_length);
    view->offset = to;
    frame_unref(view->state);
    view->state = NULL;
    return patch->frame;
}

static const struct patch *ring_at(const struct view *view, size_t i)
{
    return &view->ring[(view->ring_first + i) % view->ring_size];
}

/* The first patch in the ring that a client at `offset` may lack. */
static size_t first_missing(const struct view *view, int64_t offset)
{
    size_t low = 0, high = view->ring_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ring_at(view, middle)->to < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool view_can_recover(const struct view *view, const char *epoch, size_t epoch_length,
                      int64_t offset)
{
    if (strlen(view->epoch) != epoch_length || memcmp(view->epoch, epoch, epoch_length) != 0)
        return false;
    if (offset < view->start || offset > view->offset || offset <= view->dropped_to)
        return false;
    size_t bytes = 0;
    for (size_t i = first_missing(view, offset); i < view->ring_count; i++)
        bytes += ring_at(view, i)->publication_length;
    return bytes <= VIEW_RECOVERY_MAX_BYTES;
}

void view_append_recovery(const struct view *view, int64_t offset, struct buffer *out)
{
    bool first = true;
    for (size_t i = first_missing(view, offset); i < view->ring_count; i++) {
        const struct patch *patch = ring_at(view, i);
        if (!first)
            buffer_append(out, ",", 1);
        buffer_append(out, patch->frame->data + patch->publication_at, patch->publication_length);
        first = false;
    }
}
