#include "hub/session/gather.h"

#include <string.h>

#include "shared/base/buffer.h"

void gather_init(struct gather *gather)
{
    list_init(&gather->link);
    gather->count = 0;
}

void gathering_init(struct gathering *gathering)
{
    list_init(&gathering->sessions);
    gather_init(&gathering->last);
    gathering->joined = NULL;
}

void gather_done(struct gather *gather)
{
    while (gather->count)
        frame_unref(gather->frames[--gather->count]);
    list_remove(&gather->link);
}

void gathering_forget(struct gathering *gathering)
{
    gather_done(&gathering->last);
    frame_unref(gathering->joined);
    gathering->joined = NULL;
}

bool gather_add(struct gathering *gathering, struct gather *gather, struct frame *frame)
{
    if (gather->count == GATHER_FRAMES)
        return false;
    if (!gather->count)
        list_append(&gathering->sessions, &gather->link);
    gather->frames[gather->count++] = frame_ref(frame);
    return true;
}

static bool joined_already(const struct gathering *gathering, const struct gather *gather)
{
    return gathering->last.count == gather->count &&
           memcmp(gathering->last.frames, gather->frames, gather->count * sizeof(struct frame *)) ==
               0;
}

static void join(struct gathering *gathering, const struct gather *gather)
{
    struct buffer out = BUFFER_INIT;
    gathering_forget(gathering);
    for (unsigned i = 0; i < gather->count; i++) {
        struct frame *frame = gather->frames[i];
        if (i)
            buffer_append(&out, "\n", 1);
        buffer_append(&out, frame->data, frame->length);
        gathering->last.frames[i] = frame_ref(frame);
    }
    gathering->last.count = gather->count;
    gathering->joined = frame_new(out.data, out.length);
    buffer_done(&out);
}

struct frame *gather_take(struct gathering *gathering, struct gather *gather)
{
    struct frame *frame = NULL;
    if (gather->count == 1) {
        frame = frame_ref(gather->frames[0]);
    } else if (gather->count) {
        if (!joined_already(gathering, gather))
            join(gathering, gather);
        frame = frame_ref(gathering->joined);
    }
    gather_done(gather);
    return frame;
}
