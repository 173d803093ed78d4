#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "hub/feed/feed_delta.h"

#define PAYLOAD                                                                                    \
    "{\"at\":1700000000123,\"partner\":\"INCEPT\","                                                \
    "\"m\":[[28333333,1,2,3,4,5,6,7,8,9,10]],\"d\":[[28333333,1500,1]],\"q\":[[28333333,7,-1]],"   \
    "\"s\":[1,0,-1],\"o\":[[1700000000,1]],\"u\":[[28333332,-1],[28333333,1]],"                    \
    "\"j\":[{\"id\":\"INCEPT/a\",\"partner\":\"INCEPT\",\"state\":\"running\",\"attempt\":1,"      \
    "\"requested_at\":1700000000000,\"cost_micros\":250000,\"surprise\":true}]}"

static void decodes_every_member(void **unused)
{
    (void)unused;
    struct feed_delta *delta = NULL;
    assert_int_equal(feed_delta_decode(PAYLOAD, strlen(PAYLOAD), &delta), 0);
    assert_int_equal(delta->at_ms, 1700000000123);
    assert_string_equal(delta->partner, "INCEPT");
    assert_int_equal(delta->counters.rows, 1);
    assert_int_equal(int_table_row(&delta->counters, 0)[10], 10);
    assert_int_equal(int_table_row(&delta->queues, 0)[2], -1);
    assert_int_equal(delta->users.rows, 2);
    assert_int_equal(delta->gauges[2], -1);
    assert_int_equal(delta->job_count, 1);
    assert_string_equal(delta->jobs[0]->id, "INCEPT/a");
    assert_int_equal(delta->jobs[0]->values[JOB_FIELD_COST].number, 250000);
    assert_false(delta->jobs[0]->values[JOB_FIELD_PROMPT].present);
    feed_delta_unref(delta);
}

static void members_may_be_missing(void **unused)
{
    (void)unused;
    const char *text = "{\"at\":1,\"partner\":\"A\"}";
    struct feed_delta *delta = NULL;
    assert_int_equal(feed_delta_decode(text, strlen(text), &delta), 0);
    assert_int_equal(delta->counters.rows, 0);
    assert_int_equal(delta->job_count, 0);
    feed_delta_unref(delta);
}

static void refuses_other_shapes(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "",
        "[]",
        "null",
        "{\"at\":1}",
        "{\"partner\":\"A\"}",
        "{\"at\":\"1\",\"partner\":\"A\"}",
        "{\"at\":1,\"partner\":\"a\"}",
        "{\"at\":1,\"partner\":\"\"}",
        "{\"at\":1,\"partner\":\"A\",\"m\":[[1,2]]}",
        "{\"at\":1,\"partner\":\"A\",\"m\":{}}",
        "{\"at\":1,\"partner\":\"A\",\"d\":[[1,2.5,1]]}",
        "{\"at\":1,\"partner\":\"A\",\"o\":[1]}",
        "{\"at\":1,\"partner\":\"A\",\"s\":[1,2]}",
        "{\"at\":1,\"partner\":\"A\",\"s\":[1,2,\"\"]}",
        "{\"at\":1,\"partner\":\"A\",\"u\":[[9007199254740993,1]]}",
        "{\"at\":1,\"partner\":\"A\",\"j\":[{}]}",
        "{\"at\":1,\"partner\":\"A\",\"j\":[{\"id\":\"x\"}]}",
        "{\"at\":1,\"partner\":\"A\",\"j\":[{\"id\":\"x\",\"requested_at\":1,\"state\":5}]}",
        "{\"at\":1,\"at\":2,\"partner\":\"A\"}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct feed_delta *delta = NULL;
        int error = feed_delta_decode(texts[i], strlen(texts[i]), &delta);
        if (error != -EINVAL)
            fail_msg("accepted: %s", texts[i]);
        assert_null(delta);
    }
}

static void reads_the_envelope(void **unused)
{
    (void)unused;
    const char *text = "{\"channel\":\"feed:partner:INCEPT\",\"epoch\":\"ab\",\"seq\":12,"
                       "\"platform_seq\":99,\"payload\":" PAYLOAD "}";
    struct feed_message message;
    assert_int_equal(feed_message_decode(text, strlen(text), &message), 0);
    assert_string_equal(message.channel, "feed:partner:INCEPT");
    assert_string_equal(message.epoch, "ab");
    assert_int_equal(message.seq, 12);
    assert_int_equal(message.platform_seq, 99);
    feed_delta_unref(message.delta);
    static const char *const bad[] = {
        "{\"channel\":\"c\",\"epoch\":\"e\",\"seq\":0,\"platform_seq\":1,\"payload\":" PAYLOAD "}",
        "{\"channel\":\"\",\"epoch\":\"e\",\"seq\":1,\"platform_seq\":1,\"payload\":" PAYLOAD "}",
        "{\"channel\":\"c\",\"seq\":1,\"platform_seq\":1,\"payload\":" PAYLOAD "}",
        "{\"channel\":\"c\",\"epoch\":\"e\",\"seq\":1,\"platform_seq\":1,\"payload\":\"\"}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_int_equal(feed_message_decode(bad[i], strlen(bad[i]), &message), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_member), cmocka_unit_test(members_may_be_missing),
        cmocka_unit_test(refuses_other_shapes), cmocka_unit_test(reads_the_envelope)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
