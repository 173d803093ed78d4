#include "tests/unit/test.h"

#include <sodium.h>
#include <string.h>

#include "ingest/events/track.h"

static const struct event_context context = {.now_us = 1000000,
                                             .partner_id = 7,
                                             .key_id = 9,
                                             .partner_code = "INCEPT",
                                             .key_public_id = "abcdefghijkl"};

static struct event apply(const char *text, struct arena *arena)
{
    struct event event = {0};
    struct json_node *body;
    struct json_fault fault;
    arena_init(arena);
    assert_int_equal(json_tree_read(arena, text, strlen(text), 8, &body, &fault), 0);
    track_apply(body, &context, arena, arena, &event);
    return event;
}

static void test_shape(void **state)
{
    struct arena arena;
    (void)state;
    struct event event = apply("{\"request_id\":\"r\",\"partner_id\":\"INCEPT\",\"api_key_id\":9,"
                               "\"manifest\":{\"a\":1},\"status\":\"pending\",\"model\":\"m\"}",
                               &arena);
    assert_int_equal(event.status, EVENT_PENDING);
    assert_int_equal(event.type, EVENT_REQUESTED);
    assert_string_equal(event.id.bytes, "r:generation.requested:0:0");
    assert_string_equal(event.job.bytes, "r");
    assert_string_equal(event.model.bytes, "m");
    assert_int_equal(event.data.length,
                     strlen("{\"job\":\"r\",\"manifest\":{\"a\":1},\"model\":\"m\"}"));
    arena_done(&arena);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *body, *field; /* NULL: taken */
    } cases[] = {
        {"{\"request_id\":\"r\",\"status\":\"completed\"}", NULL},
        {"{\"request_id\":\"r\",\"status\":\"completed\",\"partner_id\":7}", NULL},
        {"{\"request_id\":\"r\",\"status\":\"completed\",\"partner_id\":\"7\"}", NULL},
        {"{\"request_id\":\"r\",\"status\":\"completed\",\"api_key_id\":\"abcdefghijkl\"}", NULL},
        {"{\"request_id\":\"r\",\"status\":\"completed\",\"partner_id\":null}", NULL},
        {"{\"status\":\"completed\"}", "request_id"},
        {"{\"request_id\":5,\"status\":\"completed\"}", "request_id"},
        {"{\"request_id\":\"r\"}", "status"},
        {"{\"request_id\":\"r\",\"status\":\"other\"}", "status"},
        {"{\"request_id\":\"r\",\"status\":\"failed\",\"partner_id\":8}", "partner_id"},
        {"{\"request_id\":\"r\",\"status\":\"failed\",\"partner_id\":\"incept\"}", "partner_id"},
        {"{\"request_id\":\"r\",\"status\":\"failed\",\"partner_id\":{}}", "partner_id"},
        {"{\"request_id\":\"r\",\"status\":\"failed\",\"api_key_id\":\"9x\"}", "api_key_id"},
        {"{\"request_id\":\"r\",\"status\":\"failed\",\"manifest\":[]}", "manifest"},
        {"{\"request_id\":\"r\",\"status\":\"failed\",\"time\":5}", "time"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct arena arena;
        struct event event = apply(cases[i].body, &arena);
        bool same = cases[i].field ? event.field && strcmp(event.field, cases[i].field) == 0
                                   : event.status == EVENT_PENDING;
        if (!same)
            fail_msg("%s: %s", cases[i].body, event.field);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_refusals),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
