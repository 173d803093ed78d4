/* One WebSocket text message, unmasked and whole (RFC 6455, 5.2): immutable, reference-counted,
 * encoded once and written to many sockets. Its header stands directly before the payload, so that
 * both leave in one send. Lives on one thread: libwebsockets, where it does the sending, writes the
 * same header there again. */
#ifndef MH_FRAME_H
#define MH_FRAME_H

#include <stddef.h>

#define FRAME_HEADROOM 16

struct frame {
    unsigned references;
    unsigned header_length;
    size_t length;                          /* of the payload */
    unsigned char headroom[FRAME_HEADROOM]; /* directly before data */
    unsigned char data[];
};

/* One reference, held by the caller. */
struct frame *frame_new(const void *bytes, size_t length);
struct frame *frame_ref(struct frame *frame);
/* NULL-safe. */
void frame_unref(struct frame *frame);
/* Header and payload as they go over the wire: frame_wire(frame)[0 .. frame_wire_length(frame)) */
static inline unsigned char *frame_wire(struct frame *frame)
{
    return frame->data - frame->header_length;
}
static inline size_t frame_wire_length(const struct frame *frame)
{
    return frame->header_length + frame->length;
}

#endif
