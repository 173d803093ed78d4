#include "hub/session/gather.h"

#include <string.h>

#include "tests/unit/test.h"

static struct gathering gathering;

static struct frame *frame_of(const char *text)
{
    return frame_new(text, strlen(text));
}

static void expect(struct frame *frame, const char *text)
{
    assert_non_null(frame);
    assert_int_equal(frame->length, strlen(text));
    assert_memory_equal(frame->data, text, frame->length);
    frame_unref(frame);
}

static void one_frame_is_passed_on(void **unused)
{
    (void)unused;
    struct gather gather;
    struct frame *a = frame_of("a");
    gathering_init(&gathering);
    gather_init(&gather);
    assert_null(gather_take(&gathering, &gather));
    assert_true(gather_add(&gathering, &gather, a));
    assert_false(list_empty(&gathering.sessions));
    struct frame *taken = gather_take(&gathering, &gather);
    assert_ptr_equal(taken, a);
    assert_true(list_empty(&gathering.sessions));
    frame_unref(taken);
    frame_unref(a);
}

/* The same frames give the same joined one; others another. */
static void several_are_joined_once(void **unused)
{
    (void)unused;
    struct gather gathers[3];
    struct frame *a = frame_of("{\"a\":1}"), *b = frame_of("{\"b\":2}");
    gathering_init(&gathering);
    for (size_t i = 0; i < 3; i++)
        gather_init(&gathers[i]);
    for (size_t i = 0; i < 2; i++) {
        assert_true(gather_add(&gathering, &gathers[i], a));
        assert_true(gather_add(&gathering, &gathers[i], b));
    }
    assert_true(gather_add(&gathering, &gathers[2], b));
    assert_true(gather_add(&gathering, &gathers[2], a));
    struct frame *first = gather_take(&gathering, &gathers[0]);
    struct frame *second = gather_take(&gathering, &gathers[1]);
    assert_ptr_equal(first, second);
    frame_unref(first);
    expect(second, "{\"a\":1}\n{\"b\":2}");
    expect(gather_take(&gathering, &gathers[2]), "{\"b\":2}\n{\"a\":1}");
    gathering_forget(&gathering);
    assert_int_equal(a->references, 1);
    frame_unref(a);
    frame_unref(b);
}

static void is_bounded(void **unused)
{
    (void)unused;
    struct gather gather;
    struct frame *a = frame_of("a");
    gathering_init(&gathering);
    gather_init(&gather);
    for (size_t i = 0; i < GATHER_FRAMES; i++)
        assert_true(gather_add(&gathering, &gather, a));
    assert_false(gather_add(&gathering, &gather, a));
    gather_done(&gather);
    assert_int_equal(a->references, 1);
    assert_true(list_empty(&gathering.sessions));
    frame_unref(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_frame_is_passed_on),
        cmocka_unit_test(several_are_joined_once),
        cmocka_unit_test(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
