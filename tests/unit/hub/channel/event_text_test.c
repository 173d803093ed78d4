#include "tests/unit/test.h"

#include <string.h>

#include "hub/channel/event_text.h"

#define EPOCH "db.instance.1.0000"
#define TRICKY "{\"t\":\"patch\",\"p\":{\"a\":\"},{\\\"\\\\\",\"offset\":5}}"

static struct view view = {.channel = "thread:thr_1", .log = true, .epoch = EPOCH};

static void expect(const struct buffer *out, const char *text)
{
    assert_int_equal(out->length, strlen(text));
    assert_memory_equal(out->data, text, out->length);
}

static void test_missed(void **state)
{
    struct buffer missed = BUFFER_INIT, out = BUFFER_INIT;
    (void)state;
    event_text_append_missed(&out, EPOCH, &missed);
    assert_int_equal(out.length, 0);
    buffer_append_text(&missed, "{\"data\":{\"n\":1},\"offset\":7},{\"data\":" TRICKY
                                ",\"offset\":999999999999999999},{\"data\":{},\"offset\":9}");
    event_text_append_missed(&out, EPOCH, &missed);
    expect(&out, "id: " EPOCH ":7\ndata: {\"n\":1}\n\n"
                 "id: " EPOCH ":999999999999999999\ndata: " TRICKY "\n\n"
                 "id: " EPOCH ":9\ndata: {}\n\n");
    buffer_done(&missed);
    buffer_done(&out);
}

static struct batch batch_of(const char *const *data, const int64_t *offsets, size_t count)
{
    struct buffer text = BUFFER_INIT;
    for (size_t i = 0; i < count; i++) {
        struct publication publication =
            publication_encode(view.channel, data[i], strlen(data[i]), offsets[i]);
        if (i)
            buffer_append_text(&text, "\n");
        buffer_append(&text, publication.frame->data, publication.frame->length);
        frame_unref(publication.frame);
    }
    struct batch batch = {.frame = frame_new(text.data, text.length)};
    buffer_done(&text);
    return batch;
}

static void test_batch(void **state)
{
    static const char *const data[] = {"{\"n\":1}", "{\"t\":\"check\",\"to\":1}", TRICKY,
                                       "{\"x\":1}", "{\"t\":\"Ups\\n\"}"};
    static const int64_t offsets[] = {1, 0, 2, 0, 0};
    (void)state;
    struct batch batch = batch_of(data, offsets, ARRAY_LENGTH(data));
    struct frame *events = event_text_of_batch(&view, &batch);
    struct buffer out = {(char *)events->data, events->length, 0};
    expect(&out, "id: " EPOCH ":1\ndata: {\"n\":1}\n\n"
                 "event: check\ndata: {\"t\":\"check\",\"to\":1}\n\n"
                 "id: " EPOCH ":2\ndata: " TRICKY "\n\n"
                 "event: other\ndata: {\"x\":1}\n\n"
                 "event: other\ndata: {\"t\":\"Ups\\n\"}\n\n");
    assert_ptr_equal(event_text_of_batch(&view, &batch), events); /* once for all */
    frame_unref(batch.frame);
    frame_unref(batch.events);
}

/* Pushes that are no publications of this channel are left out. */
static void test_others(void **state)
{
    static const char text[] = "{\"push\":{\"channel\":\"thread:thr_1\",\"join\":{\"info\":{}}}}\n"
                               "{\"push\":{\"channel\":\"thread:thr_12\",\"pub\":{\"data\":{}}}}\n"
                               "{}";
    (void)state;
    struct batch batch = {.frame = frame_new(text, strlen(text))};
    assert_int_equal(event_text_of_batch(&view, &batch)->length, 0);
    frame_unref(batch.frame);
    frame_unref(batch.events);
}

static void test_ids(void **state)
{
    static const char *const wrong[] = {"",
                                        ":",
                                        ":1",
                                        "e:",
                                        "e",
                                        "?",
                                        "e:-1",
                                        "e: 1",
                                        "e:1x",
                                        "e:+1",
                                        "e:1 ",
                                        "1",
                                        "e:99999999999999999999"};
    size_t length = 0;
    int64_t offset = 0;
    (void)state;
    assert_int_equal(event_id_parse(EPOCH ":12", &length, &offset), 0);
    assert_int_equal(length, strlen(EPOCH));
    assert_int_equal(offset, 12);
    assert_int_equal(event_id_parse("a:b:0", &length, &offset), 0);
    assert_int_equal(length, 3);
    assert_int_equal(offset, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_int_not_equal(event_id_parse(wrong[i], &length, &offset), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missed),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
