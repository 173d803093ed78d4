/* The writer over a transport that takes as much as the test lets it. */
#include "hub/session/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/view.h"
#include "tests/unit/test.h"

#define READERS 1000

static size_t allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    allocations++;
    return __real_realloc(block, size);
}

/* ---- a transport ---- */

struct transport {
    unsigned room; /* frames that the kernel still takes */
    bool partial;  /* of the last one, a part */
    unsigned written, wanted;
    size_t last; /* length of the last frame */
};

int transport_write(struct transport *transport, struct frame *frame)
{
    if (!transport->room)
        return -EAGAIN;
    transport->room--;
    transport->written++;
    transport->last = frame->length;
    return 0;
}

bool transport_blocked(struct transport *transport)
{
    return transport->partial;
}

void transport_want_writable(struct transport *transport)
{
    transport->wanted++;
}

void transport_close(struct transport *transport, enum protocol_close reason)
{
    (void)transport;
    (void)reason;
}

static struct hub_stats stats;
static const struct hub_settings settings = {.queue_soft_bytes = 100, .queue_hard_bytes = 1000};

static struct frame *frame_of(size_t length)
{
    static char bytes[4096];
    return frame_new(bytes, length);
}

/* ---- tests ---- */

static void what_the_socket_takes_is_not_queued(void **unused)
{
    (void)unused;
    struct transport transport = {.room = 2};
    struct writer writer;
    struct frame *frame = frame_of(10);
    writer_init(&writer, &transport, &settings, &stats);
    assert_int_equal(writer_send(&writer, frame), 0);
    assert_int_equal(writer_send(&writer, frame), 0);
    assert_int_equal(transport.written, 2);
    assert_int_equal(frame->references, 1);
    assert_true(writer_idle(&writer));
    assert_int_equal(transport.wanted, 0);
    assert_int_equal(writer_send(&writer, frame), 0); /* no room: waits */
    assert_int_equal(frame->references, 2);
    assert_false(writer_idle(&writer));
    assert_true(transport.wanted > 0);
    writer_done(&writer);
    assert_int_equal(frame->references, 1);
    assert_int_equal(stats.queued_bytes, 0);
    frame_unref(frame);
}

static void order_is_kept_behind_a_partial_write(void **unused)
{
    (void)unused;
    struct transport transport = {.room = 9, .partial = true};
    struct writer writer;
    writer_init(&writer, &transport, &settings, &stats);
    for (size_t length = 1; length <= 3; length++) {
        struct frame *frame = frame_of(length);
        assert_int_equal(writer_send(&writer, frame), 0);
        frame_unref(frame);
    }
    assert_int_equal(transport.written, 0);
    transport.partial = false;
    transport.room = 1;
    assert_int_equal(writer_on_writable(&writer), 0);
    assert_int_equal(transport.last, 1);
    transport.room = 9;
    assert_int_equal(writer_on_writable(&writer), 0);
    assert_int_equal(transport.written, 3);
    assert_int_equal(transport.last, 3);
    assert_true(writer_idle(&writer));
    writer_done(&writer);
}

static void limits(void **unused)
{
    (void)unused;
    struct transport transport = {.room = 0};
    struct writer writer;
    struct frame *small = frame_of(60), *large = frame_of(4000);
    writer_init(&writer, &transport, &settings, &stats);
    assert_int_equal(writer_send(&writer, large), 0); /* one always fits: a state must */
    assert_int_equal(writer_send(&writer, small), -ENOBUFS);
    writer_done(&writer);
    writer_init(&writer, &transport, &settings, &stats);
    assert_int_equal(writer_send(&writer, small), 0);
    assert_int_equal(writer.over_since_ms, 0);
    assert_int_equal(writer_send(&writer, small), 0); /* over the soft limit from here on */
    assert_true(writer.over_since_ms > 0);
    transport.room = 1;
    assert_int_equal(writer_on_writable(&writer), 0);
    assert_int_equal(writer.over_since_ms, 0);
    writer_done(&writer);
    frame_unref(small);
    frame_unref(large);
}

/* ---- fan-out to many ---- */

struct reader {
    struct subscriber subscriber;
    struct transport transport;
    struct writer writer;
};

static void on_publication(struct subscriber *subscriber, struct batch *batch)
{
    struct reader *reader = CONTAINER_OF(subscriber, struct reader, subscriber);
    assert_int_equal(writer_send(&reader->writer, batch->frame), 0);
}

static const struct subscriber_ops ops = {.publication = on_publication};

static void a_delivery_allocates_nothing(void **unused)
{
    (void)unused;
    uv_loop_t loop;
    struct fanout fanout;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(fanout_open(&fanout, &loop), 0);
    struct view *view = view_new(&fanout, "thread:t", true, 1, "epoch", 0, 16);
    struct reader *readers = calloc(READERS, sizeof(*readers));
    for (size_t i = 0; i < READERS; i++) {
        readers[i].subscriber.ops = &ops;
        readers[i].transport.room = UINT32_MAX;
        writer_init(&readers[i].writer, &readers[i].transport, &settings, &stats);
        view_add(view, &readers[i].subscriber);
    }
    view_publish(view, 1, "{}", 2);
    size_t before = allocations;
    assert_true(before > 0); /* it counts at all */
    assert_int_equal(view_deliver(view, UINT32_MAX), READERS);
    assert_int_equal(allocations, before);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].transport.written, 1);
        view_remove(view, &readers[i].subscriber);
        writer_done(&readers[i].writer);
    }
    free(readers);
    view_free(view);
    fanout_close(&fanout);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_socket_takes_is_not_queued),
        cmocka_unit_test(order_is_kept_behind_a_partial_write),
        cmocka_unit_test(limits),
        cmocka_unit_test(a_delivery_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
