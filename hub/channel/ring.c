#include "hub/channel/ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

#define FIRST_CAPACITY 16

void ring_init(struct ring *ring, size_t limit)
{
    *ring = (struct ring){.limit = limit};
}

static struct publication *slot(const struct ring *ring, size_t i)
{
    assert(i < ring->count && ring->capacity);
    return &ring->slots[(ring->first + i) % ring->capacity];
}

static int64_t drop_oldest(struct ring *ring)
{
    struct publication *oldest = slot(ring, 0);
    int64_t offset = oldest->offset;
    ring->bytes -= oldest->frame->length;
    frame_unref(oldest->frame);
    ring->first = (ring->first + 1) % ring->capacity;
    ring->count--;
    return offset;
}

void ring_done(struct ring *ring)
{
    while (ring->count)
        drop_oldest(ring);
    free(ring->slots);
    ring->slots = NULL;
    ring->capacity = 0;
}

static void make_room(struct ring *ring)
{
    if (ring->count < ring->capacity)
        return;
    size_t capacity = ring->capacity ? ring->capacity * 2 : FIRST_CAPACITY;
    struct publication *slots = memory_array(capacity, sizeof(*slots));
    for (size_t i = 0; i < ring->count; i++)
        slots[i] = *slot(ring, i);
    free(ring->slots);
    ring->slots = slots;
    ring->capacity = capacity;
    ring->first = 0;
}

int64_t ring_push(struct ring *ring, struct publication publication)
{
    int64_t dropped = -1;
    while (ring->count &&
           (ring->count >= ring->limit || ring->bytes + publication.frame->length > RING_MAX_BYTES))
        dropped = drop_oldest(ring);
    make_room(ring);
    ring->count++;
    *slot(ring, ring->count - 1) = publication;
    ring->bytes += publication.frame->length;
    return dropped;
}

bool ring_prepend(struct ring *ring, struct publication publication)
{
    if (ring->count >= ring->limit || ring->bytes + publication.frame->length > RING_MAX_BYTES)
        return false;
    make_room(ring);
    ring->first = (ring->first + ring->capacity - 1) % ring->capacity;
    ring->count++;
    *slot(ring, 0) = publication;
    ring->bytes += publication.frame->length;
    return true;
}

const struct publication *ring_at(const struct ring *ring, size_t i)
{
    return slot(ring, i);
}

size_t ring_find(const struct ring *ring, int64_t offset)
{
    size_t low = 0, high = ring->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slot(ring, middle)->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t ring_size(const struct ring *ring, size_t i)
{
    size_t bytes = 0;
    for (; i < ring->count; i++)
        bytes += slot(ring, i)->length;
    return bytes;
}

void ring_append(const struct ring *ring, size_t i, bool comma, struct buffer *out)
{
    for (; i < ring->count; i++) {
        const struct publication *publication = slot(ring, i);
        if (comma)
            buffer_append(out, ",", 1);
        buffer_append(out, publication->frame->data + publication->at, publication->length);
        comma = true;
    }
}

struct publication publication_encode(const char *channel, const char *data, size_t length,
                                      int64_t offset)
{
    struct publication publication = {.offset = offset};
    struct buffer out = BUFFER_INIT;
    buffer_append_text(&out, "{\"push\":{\"channel\":");
    buffer_append_json_string(&out, channel, strlen(channel));
    buffer_append_text(&out, ",\"pub\":");
    publication.at = (uint32_t)out.length;
    buffer_append_text(&out, "{\"data\":");
    buffer_append(&out, data, length);
    if (offset) {
        buffer_append_text(&out, ",\"offset\":");
        buffer_append_i64(&out, offset);
    }
    buffer_append(&out, "}", 1);
    publication.length = (uint32_t)out.length - publication.at;
    buffer_append(&out, "}}", 2);
    publication.frame = frame_new(out.data, out.length);
    buffer_done(&out);
    return publication;
}
