/* Immutable, reference-counted bytes: encoded once, written to many sockets. Lives on one thread.
 * `headroom` bytes before the payload belong to the transport, which may scribble on them at each
 * write (libwebsockets' LWS_PRE). */
#ifndef MH_FRAME_H
#define MH_FRAME_H

#include <stddef.h>

#define FRAME_HEADROOM 16

struct frame {
    unsigned references;
    size_t length;
    unsigned char headroom[FRAME_HEADROOM]; /* directly before data */
    unsigned char data[];
};

/* One reference, held by the caller. */
struct frame *frame_new(const void *bytes, size_t length);
struct frame *frame_ref(struct frame *frame);
/* NULL-safe. */
void frame_unref(struct frame *frame);

#endif
