#include "shared/base/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

/* The transport writes its header into the bytes directly before the payload. */
_Static_assert(offsetof(struct frame, data) - offsetof(struct frame, headroom) == FRAME_HEADROOM,
               "padding between headroom and data");

struct frame *frame_new(const void *bytes, size_t length)
{
    struct frame *frame = memory_alloc(sizeof(*frame) + length);
    frame->references = 1;
    frame->length = length;
    if (length)
        memcpy(frame->data, bytes, length);
    return frame;
}

struct frame *frame_ref(struct frame *frame)
{
    assert(frame->references > 0);
    frame->references++;
    return frame;
}

void frame_unref(struct frame *frame)
{
    if (!frame)
        return;
    assert(frame->references > 0);
    if (--frame->references == 0)
        free(frame);
}
