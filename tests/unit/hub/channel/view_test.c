#include "tests/unit/test.h"

#include <inttypes.h>
#include <string.h>

#include "hub/channel/view.h"

#define EPOCH "db.instance.1.0000"

static void publish(struct view *view, int64_t to, const char *mark)
{
    struct buffer data = BUFFER_INIT;
    buffer_printf(&data, "{\"t\":\"patch\",\"to\":%" PRId64 ",\"mark\":\"%s\"}", to, mark);
    const struct frame *frame = view_publish(view, "metrics:platform", to, &data);
    assert_non_null(frame);
    buffer_done(&data);
}

static bool can(const struct view *view, int64_t offset)
{
    return view_can_recover(view, EPOCH, strlen(EPOCH), offset);
}

static void frames_are_whole_replies(void **unused)
{
    (void)unused;
    uint32_t at, length;
    struct frame *frame = view_frame("metrics:platform", "{\"a\":1}", 7, 42, &at, &length);
    const char *expected = "{\"push\":{\"channel\":\"metrics:platform\","
                           "\"pub\":{\"data\":{\"a\":1},\"offset\":42}}}";
    assert_int_equal(frame->length, strlen(expected));
    assert_memory_equal(frame->data, expected, frame->length);
    assert_memory_equal(frame->data + at, "{\"data\":{\"a\":1},\"offset\":42}", length);
    frame_unref(frame);
}

static void recovers_from_what_is_held(void **unused)
{
    (void)unused;
    struct view *view = view_new(1, EPOCH, 10, 3);
    assert_true(can(view, 10));
    assert_false(can(view, 9));  /* before the view began */
    assert_false(can(view, 11)); /* never sent */
    assert_false(view_can_recover(view, "other", 5, 10));
    assert_false(view_can_recover(view, "", 0, 10));
    publish(view, 11, "a");
    publish(view, 14, "b");
    publish(view, 15, "c");
    struct buffer out = BUFFER_INIT;
    assert_true(can(view, 12));
    view_append_recovery(view, 12, &out);
    buffer_append(&out, "", 1);
    assert_null(strstr(out.data, "\"a\""));
    assert_non_null(strstr(out.data, "\"b\""));
    assert_non_null(strstr(out.data, "\"c\""));
    buffer_done(&out);
    publish(view, 16, "d"); /* pushes the patch to 11 out */
    assert_false(can(view, 10));
    assert_false(can(view, 11)); /* may have missed that one */
    assert_true(can(view, 12));
    view_free(view);
}

/* Time slides values at an unchanged offset: a client there may lack some of those patches. */
static void slides_at_the_same_offset_are_sent_again(void **unused)
{
    (void)unused;
    struct view *view = view_new(1, EPOCH, 5, 3);
    publish(view, 5, "s1");
    publish(view, 5, "s2");
    struct buffer out = BUFFER_INIT;
    assert_true(can(view, 5));
    view_append_recovery(view, 5, &out);
    buffer_append(&out, "", 1);
    assert_non_null(strstr(out.data, "s1"));
    assert_non_null(strstr(out.data, "s2"));
    buffer_done(&out);
    publish(view, 5, "s3");
    publish(view, 5, "s4");
    assert_false(can(view, 5)); /* s1 is gone and nobody knows who has it */
    view_free(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(frames_are_whole_replies),
                                       cmocka_unit_test(recovers_from_what_is_held),
                                       cmocka_unit_test(slides_at_the_same_offset_are_sent_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
