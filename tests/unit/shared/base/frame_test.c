#include "shared/base/frame.h"

#include <string.h>

#include "tests/unit/test.h"

static void test_references(void **state)
{
    (void)state;
    struct frame *frame = frame_new("hello", 5);
    assert_int_equal(frame->length, 5);
    assert_memory_equal(frame->data, "hello", 5);
    assert_ptr_equal(frame_ref(frame), frame);
    assert_int_equal(frame->references, 2);
    frame_unref(frame);
    assert_int_equal(frame->references, 1);
    frame_unref(frame); /* the leak check of the sanitizer sees whether it is gone */
    frame_unref(NULL);
}

static void test_headroom_is_writable(void **state)
{
    (void)state;
    struct frame *frame = frame_new("x", 1);
    assert_ptr_equal(frame->headroom + FRAME_HEADROOM, frame->data);
    memset(frame->headroom, 0xff, FRAME_HEADROOM);
    assert_int_equal(frame->references, 1);
    assert_int_equal(frame->length, 1);
    assert_int_equal(frame->data[0], 'x');
    frame_unref(frame);
}

static void test_empty(void **state)
{
    (void)state;
    struct frame *frame = frame_new(NULL, 0);
    assert_int_equal(frame->length, 0);
    frame_unref(frame);
}

static void expect_header(size_t length, const unsigned char *header, unsigned header_length)
{
    static unsigned char payload[70000];
    struct frame *frame = frame_new(payload, length);
    assert_int_equal(frame->header_length, header_length);
    assert_memory_equal(frame_wire(frame), header, header_length);
    assert_int_equal(frame_wire_length(frame), header_length + length);
    frame_unref(frame);
}

/* RFC 6455, 5.2 and 5.7. */
static void test_header(void **state)
{
    (void)state;
    expect_header(0, (const unsigned char[]){0x81, 0}, 2);
    expect_header(125, (const unsigned char[]){0x81, 125}, 2);
    expect_header(126, (const unsigned char[]){0x81, 126, 0, 126}, 4);
    expect_header(65535, (const unsigned char[]){0x81, 126, 0xff, 0xff}, 4);
    expect_header(65536, (const unsigned char[]){0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_headroom_is_writable),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
