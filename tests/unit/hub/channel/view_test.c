#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/fold.h"
#include "hub/channel/view.h"

#define EPOCH "db.instance.1.0000"
#define READERS 5

static uv_loop_t loop;
static struct fanout fanout;

static int set_up(void **state)
{
    (void)state;
    return uv_loop_init(&loop) || fanout_open(&fanout, &loop);
}

static int tear_down(void **state)
{
    (void)state;
    fanout_close(&fanout);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static struct view *make(bool log, int64_t offset, size_t ring)
{
    return view_new(&fanout, "metrics:platform", log, 1, EPOCH, offset, ring);
}

static void publish(struct view *view, int64_t to, const char *mark)
{
    struct buffer data = BUFFER_INIT;
    buffer_printf(&data, "{\"t\":\"patch\",\"to\":%" PRId64 ",\"mark\":\"%s\"}", to, mark);
    view_publish(view, to, data.data, data.length);
    buffer_done(&data);
}

static void publish_patch(struct view *view, int64_t to, const char *members)
{
    struct buffer data = BUFFER_INIT;
    buffer_printf(&data, "{\"t\":\"patch\",\"at\":%" PRId64 ",\"p\":{%s}}", to * 10, members);
    view_publish(view, to, data.data, data.length);
    buffer_done(&data);
}

static bool can(const struct view *view, int64_t offset)
{
    struct buffer out = BUFFER_INIT;
    bool able = view_recover(view, offset, &out);
    buffer_done(&out);
    return able;
}

static void frames_are_whole_replies(void **unused)
{
    (void)unused;
    struct publication publication = publication_encode("metrics:platform", "{\"a\":1}", 7, 42);
    const struct frame *frame = publication.frame;
    const char *expected = "{\"push\":{\"channel\":\"metrics:platform\","
                           "\"pub\":{\"data\":{\"a\":1},\"offset\":42}}}";
    assert_int_equal(frame->length, strlen(expected));
    assert_memory_equal(frame->data, expected, frame->length);
    assert_memory_equal(frame->data + publication.at, "{\"data\":{\"a\":1},\"offset\":42}",
                        publication.length);
    frame_unref(publication.frame);
}

/* ---- coming back ---- */

static void recovers_from_what_is_held(void **unused)
{
    (void)unused;
    struct view *view = make(false, 10, 3);
    assert_true(view_epoch_is(view, EPOCH, strlen(EPOCH)));
    assert_false(view_epoch_is(view, "other", 5));
    assert_false(view_epoch_is(view, "", 0));
    assert_true(can(view, 10));
    assert_false(can(view, 9));  /* before the view began */
    assert_false(can(view, 11)); /* never sent */
    publish(view, 11, "a");
    publish(view, 14, "b");
    publish(view, 15, "c");
    struct buffer out = BUFFER_INIT;
    assert_true(view_recover(view, 12, &out));
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
    struct view *view = make(false, 5, 3);
    publish(view, 5, "s1");
    publish(view, 5, "s2");
    struct buffer out = BUFFER_INIT;
    assert_true(view_recover(view, 5, &out));
    buffer_append(&out, "", 1);
    assert_non_null(strstr(out.data, "s1"));
    assert_non_null(strstr(out.data, "s2"));
    buffer_done(&out);
    publish(view, 5, "s3");
    publish(view, 5, "s4");
    assert_false(can(view, 5)); /* s1 is gone and nobody knows who has it */
    view_free(view);
}

static void rows_of_a_log_are_never_sent_again(void **unused)
{
    (void)unused;
    struct view *view = make(true, 10, 3);
    struct buffer out = BUFFER_INIT;
    for (int64_t offset = 11; offset <= 14; offset++)
        publish(view, offset, "row");
    assert_true(view_recover(view, 14, &out));
    assert_int_equal(out.length, 0);
    assert_true(view_recover(view, 13, &out));
    assert_non_null(memmem(out.data, out.length, "\"offset\":14}", 12));
    assert_null(memmem(out.data, out.length, "\"offset\":13}", 12));
    assert_true(can(view, 11)); /* lacks 12, 13 and 14 */
    assert_false(can(view, 10));
    buffer_done(&out);
    view_free(view);
}

static void older_rows_extend_the_reach(void **unused)
{
    (void)unused;
    struct view *view = make(true, 10, 3);
    assert_false(can(view, 8));
    assert_true(view_prepend(view, publication_encode("c", "{}", 2, 10)));
    assert_true(view_prepend(view, publication_encode("c", "{}", 2, 9)));
    assert_true(can(view, 8));
    assert_false(can(view, 7));
    publish(view, 11, "a");
    struct publication none = publication_encode("c", "{}", 2, 8);
    assert_false(view_prepend(view, none)); /* full */
    frame_unref(none.frame);
    view_free(view);
}

/* ---- fan-out ---- */

struct reader {
    struct subscriber subscriber;
    struct buffer got;
    unsigned frames, publications;
    bool leaves; /* at its next frame */
};

static void on_publication(struct subscriber *subscriber, struct batch *batch)
{
    struct reader *reader = CONTAINER_OF(subscriber, struct reader, subscriber);
    buffer_append(&reader->got, batch->frame->data, batch->frame->length);
    buffer_append(&reader->got, "\n", 1);
    reader->frames++;
    reader->publications += batch->count;
    if (reader->leaves)
        view_remove(subscriber->view, subscriber);
}

static const struct subscriber_ops ops = {.publication = on_publication};

static void add_readers(struct view *view, struct reader *readers)
{
    memset(readers, 0, READERS * sizeof(*readers));
    for (size_t i = 0; i < READERS; i++) {
        readers[i].subscriber.ops = &ops;
        view_add(view, &readers[i].subscriber);
    }
}

static void drop_readers(struct reader *readers)
{
    for (size_t i = 0; i < READERS; i++) {
        if (readers[i].subscriber.view)
            view_remove(readers[i].subscriber.view, &readers[i].subscriber);
        buffer_done(&readers[i].got);
    }
}

static void one_turn_is_one_frame(void **unused)
{
    (void)unused;
    struct reader readers[READERS];
    struct view *view = make(true, 0, 10);
    add_readers(view, readers);
    publish(view, 1, "a");
    publish(view, 2, "b");
    publish(view, 3, "c");
    assert_int_equal(readers[0].frames, 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].frames, 1);
        assert_int_equal(readers[i].publications, 3);
        size_t lines = 0;
        for (size_t at = 0; at < readers[i].got.length; at++)
            lines += readers[i].got.data[at] == '\n';
        assert_int_equal(lines, 3);
    }
    assert_true(view_settled(view));
    drop_readers(readers);
    view_free(view);
}

/* Who leaves while a batch is on its way takes nobody's place: the others get it, once. */
static void leaving_on_the_way_skips_nobody(void **unused)
{
    (void)unused;
    for (uint32_t served = 0; served <= READERS; served++) {
        for (size_t leaver = 0; leaver < READERS; leaver++) {
            struct reader readers[READERS];
            struct view *view = make(true, 0, 10);
            add_readers(view, readers);
            publish(view, 1, "a");
            assert_int_equal(view_deliver(view, served), served);
            view_remove(view, &readers[leaver].subscriber);
            view_settle(view);
            for (size_t i = 0; i < READERS; i++) {
                if (i != leaver)
                    assert_int_equal(readers[i].frames, 1);
            }
            drop_readers(readers);
            view_free(view);
        }
    }
}

static void may_leave_from_within(void **unused)
{
    (void)unused;
    struct reader readers[READERS];
    struct view *view = make(true, 0, 10);
    add_readers(view, readers);
    readers[1].leaves = readers[2].leaves = true;
    publish(view, 1, "a");
    view_settle(view);
    publish(view, 2, "b");
    view_settle(view);
    const unsigned expected[READERS] = {2, 1, 1, 2, 2};
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(readers[i].frames, expected[i]);
    drop_readers(readers);
    view_free(view);
}

/* What is published while a batch is on its way joins the next one. */
static void a_batch_on_its_way_is_not_changed(void **unused)
{
    (void)unused;
    struct reader readers[READERS];
    struct view *view = make(true, 0, 10);
    add_readers(view, readers);
    publish(view, 1, "a");
    assert_int_equal(view_deliver(view, 2), 2);
    publish(view, 2, "b");
    publish(view, 3, "c");
    view_settle(view);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(readers[i].frames, 2);
        assert_int_equal(readers[i].publications, 3);
    }
    drop_readers(readers);
    view_free(view);
}

/* A channel with many readers takes several turns of the loop. */
static void a_turn_is_bounded(void **unused)
{
    (void)unused;
    enum { MANY = 20000 };
    struct reader *readers = calloc(MANY, sizeof(*readers));
    struct view *view = make(true, 0, 10);
    for (size_t i = 0; i < MANY; i++) {
        readers[i].subscriber.ops = &ops;
        view_add(view, &readers[i].subscriber);
    }
    publish(view, 1, "a");
    unsigned turns = 0;
    for (size_t before = 0, after = 0; before < MANY; before = after, turns++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        for (after = before; after < MANY && readers[after].frames; after++)
            ;
        assert_in_range(after - before, 1, 4096);
    }
    assert_true(turns >= 5);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(readers[i].frames, 1);
        view_remove(view, &readers[i].subscriber);
        buffer_done(&readers[i].got);
    }
    view_free(view);
    free(readers);
}

/* ---- folding ---- */

static void expect_fold(struct view *view, int64_t offset, const char *expected)
{
    struct buffer out = BUFFER_INIT;
    assert_true(fold_patches(view, offset, &out));
    buffer_append(&out, "", 1);
    assert_string_equal(out.data, expected);
    buffer_done(&out);
}

static void patches_fold_into_one(void **unused)
{
    (void)unused;
    struct buffer out = BUFFER_INIT;
    struct view *view = make(false, 10, 10);
    publish_patch(view, 11, "\"a\":1,\"b\":{\"x\":1},\"gone\":null");
    publish_patch(view, 13, "\"a\":2.000001,\"b\":{\"y\":2}");
    publish_patch(view, 14, "\"b\":null");
    expect_fold(view, 12,
                "{\"t\":\"patch\",\"from\":12,\"to\":14,\"at\":140,\"p\":{\"a\":2.0000010000000001,"
                "\"b\":null}}");
    expect_fold(view, 10,
                "{\"t\":\"patch\",\"from\":10,\"to\":14,\"at\":140,\"p\":{\"a\":2.0000010000000001,"
                "\"b\":null,\"gone\":null}}");
    assert_true(fold_patches(view, 15, &out));
    assert_int_equal(out.length, 0);
    publish_patch(view, 15, "\"b\":{\"z\":3}");
    assert_false(fold_patches(view, 10, &out)); /* b went and came back: only a state says so */
    assert_int_equal(out.length, 0);
    view_free(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_whole_replies),
        cmocka_unit_test(recovers_from_what_is_held),
        cmocka_unit_test(slides_at_the_same_offset_are_sent_again),
        cmocka_unit_test(rows_of_a_log_are_never_sent_again),
        cmocka_unit_test(older_rows_extend_the_reach),
        cmocka_unit_test(one_turn_is_one_frame),
        cmocka_unit_test(leaving_on_the_way_skips_nobody),
        cmocka_unit_test(may_leave_from_within),
        cmocka_unit_test(a_batch_on_its_way_is_not_changed),
        cmocka_unit_test(a_turn_is_bounded),
        cmocka_unit_test(patches_fold_into_one),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
