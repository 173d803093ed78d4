#include "shared/base/frame.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

#define FINAL_TEXT 0x81
#define LENGTH_16 126
#define LENGTH_64 127

_Static_assert(offsetof(struct frame, data) - offsetof(struct frame, headroom) == FRAME_HEADROOM,
               "padding between headroom and data");

/* The shortest form that holds the length is the only legal one. */
static void put_header(struct frame *frame)
{
    unsigned bytes = frame->length < LENGTH_16 ? 0 : frame->length <= UINT16_MAX ? 2 : 8;
    frame->header_length = 2 + bytes;
    unsigned char *header = frame_wire(frame);
    header[0] = FINAL_TEXT;
    header[1] = bytes == 0 ? (unsigned char)frame->length : bytes == 2 ? LENGTH_16 : LENGTH_64;
    for (unsigned i = 0; i < bytes; i++)
        header[2 + i] = (unsigned char)((uint64_t)frame->length >> (8 * (bytes - 1 - i)));
}

struct frame *frame_new(const void *bytes, size_t length)
{
    struct frame *frame = memory_alloc(sizeof(*frame) + length);
    frame->references = 1;
    frame->length = length;
    if (length)
        memcpy(frame->data, bytes, length);
    put_header(frame);
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
