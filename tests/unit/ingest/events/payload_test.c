#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "ingest/events/payload.h"

/* Applies `text` to a started event of its own; the caller frees the arena. */
static struct event apply(const char *text, struct arena *arena)
{
    struct event event = {.type = EVENT_STARTED};
    struct json_node *data;
    struct json_fault fault;
    arena_init(arena);
    assert_int_equal(json_tree_read(arena, text, strlen(text), 8, &data, &fault), 0);
    payload_apply(data, arena, &event);
    return event;
}

static void test_money(void **state)
{
    static const struct {
        const char *json;
        int64_t micros; /* negative: refused */
    } cases[] = {
        {"0", 0},
        {"12", 12000000},
        {"0.1", 100000},
        {"0.000001", 1},
        {"123456.789012", 123456789012},
        {"999999.999999", 999999999999},
        {"1000000", 1000000000000},
        {"1e2", 100000000},
        {"\"0.000001\"", 1},
        {"\"12.5\"", 12500000},
        {"\"1000000.000000\"", 1000000000000},
        {"0.0000001", -1},
        {"0.1234567", -1},
        {"-1", -1},
        {"-0.5", -1},
        {"1000000.1", -1},
        {"1e300", -1},
        {"\"1e2\"", -1},
        {"\"\"", -1},
        {"\".5\"", -1},
        {"\"5.\"", -1},
        {"\"-5\"", -1},
        {"\"0.0000001\"", -1},
        {"\"99999999999999999999\"", -1},
        {"\"1.2.3\"", -1},
        {"true", -1},
        {"9223372036854775807", -1},
        {"-9223372036854775808", -1},
    };
    char text[128];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct arena arena;
        snprintf(text, sizeof(text), "{\"job\":\"j\",\"cost\":%s}", cases[i].json);
        struct event event = apply(text, &arena);
        bool refused = event.status == EVENT_REJECTED;
        if (refused != (cases[i].micros < 0) || (!refused && event.cost_micros != cases[i].micros))
            fail_msg("%s: %lld", cases[i].json, (long long)event.cost_micros);
        arena_done(&arena);
    }
}

static void test_numbers_and_null(void **state)
{
    struct arena arena;
    (void)state;
    struct event event = apply("{\"job\":\"j\",\"attempt\":3,\"tokens\":2.0,\"units\":null,"
                               "\"progress\":100,\"model\":null}",
                               &arena);
    assert_int_equal(event.status, EVENT_PENDING);
    assert_int_equal(event.attempt, 3);
    assert_int_equal(event.tokens, 2);
    assert_int_equal(event.units, EVENT_NO_NUMBER);
    assert_int_equal(event.progress, 100);
    assert_null(event.model.bytes);
    arena_done(&arena);
}

static void test_first_fault_is_told(void **state)
{
    struct arena arena;
    (void)state;
    struct event event = apply("{\"attempt\":1001,\"tokens\":\"x\"}", &arena);
    assert_int_equal(event.reason, REASON_OUT_OF_RANGE);
    assert_string_equal(event.field, "data.attempt");
    assert_string_equal(event.detail, "1 to 1000");
    arena_done(&arena);
    event = apply("{}", &arena);
    assert_int_equal(event.reason, REASON_MISSING);
    assert_string_equal(event.field, "data.job");
    arena_done(&arena);
}

static void test_text_limits(void **state)
{
    struct arena arena;
    char text[512], model[256];
    (void)state;
    memset(model, 'm', sizeof(model));
    snprintf(text, sizeof(text), "{\"job\":\"j\",\"model\":\"%.200s\"}", model);
    assert_int_equal(apply(text, &arena).status, EVENT_PENDING);
    arena_done(&arena);
    snprintf(text, sizeof(text), "{\"job\":\"j\",\"model\":\"%.201s\"}", model);
    assert_int_equal(apply(text, &arena).reason, REASON_TOO_LONG);
    arena_done(&arena);
    assert_int_equal(apply("{\"job\":\"a\\tb\"}", &arena).reason, REASON_INVALID);
    arena_done(&arena);
    assert_int_equal(apply("{\"job\":\"j\",\"prompt\":\"a\\n\\tb\"}", &arena).status,
                     EVENT_PENDING);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_money),
        cmocka_unit_test(test_numbers_and_null),
        cmocka_unit_test(test_first_fault_is_told),
        cmocka_unit_test(test_text_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
