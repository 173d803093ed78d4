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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_headroom_is_writable),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
