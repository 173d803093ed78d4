#include "hub/session/writer.h"

#include <errno.h>
#include <stdlib.h>

#include "shared/base/memory.h"
#include "shared/base/time.h"

void writer_init(struct writer *writer, struct transport *transport,
                 const struct hub_settings *settings, struct hub_stats *stats)
{
    *writer = (struct writer){.transport = transport, .settings = settings, .stats = stats};
}

static bool over(const struct writer *writer)
{
    return writer->bytes > (uint64_t)writer->settings->queue_soft_bytes;
}

static void pop(struct writer *writer)
{
    struct frame *frame = writer->queue[writer->first];
    writer->first = (writer->first + 1) % writer->capacity;
    writer->count--;
    writer->bytes -= frame->length;
    writer->stats->queued_bytes -= frame->length;
    frame_unref(frame);
}

static void drop_queue(struct writer *writer)
{
    free(writer->queue);
    writer->queue = NULL;
    writer->first = writer->capacity = 0;
}

void writer_done(struct writer *writer)
{
    while (writer->count)
        pop(writer);
    drop_queue(writer);
}

static void grow(struct writer *writer)
{
    uint32_t capacity = writer->capacity ? writer->capacity * 2 : 8;
    struct frame **queue = memory_array(capacity, sizeof(struct frame *));
    for (uint32_t i = 0; i < writer->count; i++)
        queue[i] = writer->queue[(writer->first + i) % writer->capacity];
    free(writer->queue);
    writer->queue = queue;
    writer->capacity = capacity;
    writer->first = 0;
}

static int enqueue(struct writer *writer, struct frame *frame)
{
    /* One frame always fits, however large: a state must not close its reader. */
    if (writer->count &&
        writer->bytes + frame->length > (uint64_t)writer->settings->queue_hard_bytes)
        return -ENOBUFS;
    if (writer->count == writer->capacity)
        grow(writer);
    writer->queue[(writer->first + writer->count++) % writer->capacity] = frame_ref(frame);
    writer->bytes += frame->length;
    writer->stats->queued_bytes += frame->length;
    if (!writer->over_since_ms && over(writer))
        writer->over_since_ms = time_monotonic_us() / 1000;
    transport_want_writable(writer->transport);
    return 0;
}

static int write_now(struct writer *writer, struct frame *frame)
{
    int error = transport_write(writer->transport, frame);
    if (!error)
        writer->stats->bytes_sent += frame->length;
    return error;
}

int writer_send(struct writer *writer, struct frame *frame)
{
    if (!writer_idle(writer))
        return enqueue(writer, frame);
    int error = write_now(writer, frame);
    return error == -EAGAIN ? enqueue(writer, frame) : error;
}

int writer_on_writable(struct writer *writer)
{
    int error = 0;
    while (writer->count && !transport_blocked(writer->transport)) {
        error = write_now(writer, writer->queue[writer->first]);
        if (error)
            break;
        pop(writer);
    }
    if (!over(writer))
        writer->over_since_ms = 0;
    if (writer->count)
        transport_want_writable(writer->transport);
    else
        drop_queue(writer); /* most never need it again */
    return error == -EAGAIN ? 0 : error;
}

bool writer_idle(const struct writer *writer)
{
    return writer->count == 0 && !transport_blocked(writer->transport);
}
