#include "tests/unit/test.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "ingest/events/cloudevents.h"

#define NOW_US 1795264369000000

static const struct event_context context = {.now_us = NOW_US,
                                             .max_events = 5,
                                             .max_depth = 8,
                                             .may_backfill = false,
                                             .partner_id = 7,
                                             .key_id = 9,
                                             .partner_code = "INCEPT",
                                             .key_public_id = "abcdefghijkl"};

static enum reason decode(struct event_batch *batch, enum event_mode mode, const char *body)
{
    static struct arena arena;
    arena_init(&arena);
    event_batch_init(batch, &arena);
    return event_batch_decode(batch, mode, NULL, 0, body, strlen(body), &context);
}

static bool text_equal(struct text text, const char *literal)
{
    return text.bytes && text.length == strlen(literal) &&
           memcmp(text.bytes, literal, text.length) == 0;
}

#define EVENT(rest) "{\"specversion\":\"1.0\",\"id\":\"e\",\"source\":\"/s\"," rest "}"
#define REQUESTED(rest) EVENT("\"type\":\"generation.requested\",\"data\":{\"job\":\"j\"" rest "}")

static void test_structured(void **state)
{
    struct event_batch batch;
    (void)state;
    assert_int_equal(
        decode(&batch, EVENT_MODE_STRUCTURED, " " REQUESTED(",\"b\":1,\"a\":[ 2 ]") "\n"),
        REASON_NONE);
    assert_true(batch.single);
    assert_int_equal(batch.count, 1);
    const struct event *event = &batch.events[0];
    assert_int_equal(event->status, EVENT_PENDING);
    assert_int_equal(event->type, EVENT_REQUESTED);
    assert_true(text_equal(event->id, "e"));
    assert_true(text_equal(event->job, "j"));
    assert_true(text_equal(event->data, "{\"a\":[2],\"b\":1,\"job\":\"j\"}"));
    assert_int_equal(event->occurred_us, NOW_US);
    assert_int_equal(event->attempt, 1);
    assert_int_equal(event->tokens, EVENT_NO_NUMBER);
    arena_done(batch.arena);
}

/* The first event's hash, or fails. */
static void hash_of(enum event_mode mode, const struct event_header *headers, size_t count,
                    const char *body, unsigned char out[EVENT_HASH_BYTES])
{
    struct event_batch batch;
    struct arena arena = {0};
    event_batch_init(&batch, &arena);
    assert_int_equal(event_batch_decode(&batch, mode, headers, count, body, strlen(body), &context),
                     REASON_NONE);
    if (batch.events[0].status != EVENT_PENDING)
        fail_msg("%s: %s", batch.events[0].field, reason_text(batch.events[0].reason));
    memcpy(out, batch.events[0].hash, EVENT_HASH_BYTES);
    arena_done(batch.arena);
}

static void test_hash_does_not_depend_on_the_mode(void **state)
{
    static const struct event_header headers[] = {
        {"type", "generation.requested"},        {"Specversion", "1.0"}, {"source", "/s"},
        {"time", "2026-11-21T13:00:00.5+01:00"}, {"id", "%C3%A9%22"},    {"historical", "false"},
    };
    static const char structured[] =
        "{\"data\":{\"cost\":0.5,\"job\":\"j\"},\"historical\":false,\"id\":\"\xc3\xa9\\\"\","
        "\"time\":\"2026-11-21T12:00:00.500Z\",\"datacontenttype\":\"application/json\","
        "\"traceparent\":\"00-1\",\"type\":\"generation.requested\",\"source\":\"/s\","
        "\"specversion\":\"1.0\"}";
    unsigned char first[EVENT_HASH_BYTES], second[EVENT_HASH_BYTES];
    char lines[sizeof(structured) + 2];
    (void)state;
    hash_of(EVENT_MODE_BINARY, headers, ARRAY_LENGTH(headers), "{\"job\":\"j\", \"cost\":0.5}",
            first);
    hash_of(EVENT_MODE_STRUCTURED, NULL, 0, structured, second);
    assert_memory_equal(first, second, EVENT_HASH_BYTES);
    snprintf(lines, sizeof(lines), "\n%s\n", structured);
    hash_of(EVENT_MODE_LINES, NULL, 0, lines, second);
    assert_memory_equal(first, second, EVENT_HASH_BYTES);
    hash_of(EVENT_MODE_BINARY, headers, ARRAY_LENGTH(headers), "{\"job\":\"j\",\"cost\":0.6}",
            second);
    assert_memory_not_equal(first, second, EVENT_HASH_BYTES);
}

static void test_hash_knows_where_one_attribute_ends(void **state)
{
    unsigned char first[EVENT_HASH_BYTES], second[EVENT_HASH_BYTES];
    (void)state;
    hash_of(EVENT_MODE_STRUCTURED, NULL, 0,
            EVENT("\"type\":\"worker.heartbeat\",\"a\":\"xb\",\"c\":\"y\""), first);
    hash_of(EVENT_MODE_STRUCTURED, NULL, 0,
            EVENT("\"type\":\"worker.heartbeat\",\"a\":\"x\",\"bc\":\"y\""), second);
    assert_memory_not_equal(first, second, EVENT_HASH_BYTES);
}

static void test_batch_faults_stay_with_their_event(void **state)
{
    struct event_batch batch;
    (void)state;
    assert_int_equal(decode(&batch, EVENT_MODE_BATCH,
                            "[" REQUESTED("") ",{\"id\":1,\"id\":2},3,\"\xff\"," REQUESTED("") "]"),
                     REASON_NONE);
    assert_int_equal(batch.count, 5);
    assert_int_equal(batch.events[0].status, EVENT_PENDING);
    assert_int_equal(batch.events[1].reason, REASON_INVALID_JSON);
    assert_int_equal(batch.events[2].status, EVENT_REJECTED);
    assert_int_equal(batch.events[3].reason, REASON_INVALID_JSON);
    assert_int_equal(batch.events[4].status, EVENT_PENDING);
    assert_int_equal(batch.events[4].index, 4);
    arena_done(batch.arena);
}

static void test_whole_requests_refused(void **state)
{
    struct event_batch batch;
    (void)state;
    assert_int_equal(decode(&batch, EVENT_MODE_BATCH, "[1,2,3,4,5,6]"), REASON_BATCH_TOO_LARGE);
    arena_done(batch.arena);
    assert_int_equal(decode(&batch, EVENT_MODE_LINES, "1\n2\n3\n4\n5\n6"), REASON_BATCH_TOO_LARGE);
    arena_done(batch.arena);
    assert_int_equal(decode(&batch, EVENT_MODE_BATCH, "[1,2"), REASON_NONE);
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.events[0].reason, REASON_INVALID_JSON);
    assert_int_equal(batch.events[0].raw.length, 4);
    arena_done(batch.arena);
    assert_int_equal(decode(&batch, EVENT_MODE_LINES, " \n\r\n"), REASON_EMPTY);
    arena_done(batch.arena);
    assert_int_equal(decode(&batch, EVENT_MODE_BATCH, " [ ] "), REASON_NONE);
    assert_int_equal(batch.count, 0);
    arena_done(batch.arena);
}

struct rejection {
    const char *body;
    enum reason reason;
    const char *field;
};

static void test_rejections(void **state)
{
    static const struct rejection cases[] = {
        {"{}", REASON_MISSING, "id"},
        {"", REASON_INVALID_JSON, NULL},
        {"{\"id\":\"\",\"source\":\"s\"}", REASON_MISSING, "id"},
        {"{\"id\":\"e\"}", REASON_MISSING, "source"},
        {"{\"id\":\"e\",\"source\":\"s\"}", REASON_MISSING, "specversion"},
        {"{\"id\":\"e\",\"source\":\"s\",\"specversion\":\"0.3\"}", REASON_SPECVERSION,
         "specversion"},
        {EVENT("\"a\":1"), REASON_MISSING, "type"},
        {EVENT("\"type\":\"x\""), REASON_UNKNOWN_TYPE, "type"},
        {EVENT("\"type\":\"generation.requested\""), REASON_MISSING, "data.job"},
        {EVENT("\"type\":\"generation.requested\",\"data\":[]"), REASON_INVALID, "data"},
        {EVENT("\"type\":\"worker.heartbeat\",\"time\":\"12:00\""), REASON_INVALID, "time"},
        {EVENT("\"type\":\"worker.heartbeat\",\"Bad\":\"x\""), REASON_INVALID, "Bad"},
        {EVENT("\"type\":\"worker.heartbeat\",\"e\":{}"), REASON_INVALID, "e"},
        {EVENT("\"type\":\"worker.heartbeat\",\"e\":\"a\\u0007\""), REASON_INVALID, "e"},
        {EVENT("\"type\":\"worker.heartbeat\",\"historical\":true"), REASON_HISTORICAL,
         "historical"},
        {EVENT("\"type\":\"worker.heartbeat\",\"historical\":\"maybe\""), REASON_INVALID,
         "historical"},
        {EVENT("\"type\":\"worker.heartbeat\",\"data\":{},\"data_base64\":\"e30=\""),
         REASON_INVALID, "data_base64"},
        {EVENT("\"type\":\"worker.heartbeat\",\"data_base64\":\"?\""), REASON_INVALID,
         "data_base64"},
        {EVENT("\"type\":\"worker.heartbeat\",\"datacontenttype\":\"text/xml\""), REASON_INVALID,
         "datacontenttype"},
        {REQUESTED(",\"a\":[[[[[[[[1]]]]]]]]"), REASON_TOO_DEEP, NULL},
    };
    struct event_batch batch;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(decode(&batch, EVENT_MODE_STRUCTURED, cases[i].body), REASON_NONE);
        const struct event *event = &batch.events[0];
        bool same = cases[i].field ? event->field && strcmp(event->field, cases[i].field) == 0
                                   : event->field == NULL;
        if (event->reason != cases[i].reason || !same)
            fail_msg("%s: %s in %s", cases[i].body, reason_text(event->reason), event->field);
        arena_done(batch.arena);
    }
}

static void test_headers(void **state)
{
    static const struct {
        const char *value, *id; /* id NULL: rejected */
    } cases[] = {{"plain", "plain"}, {"a%20b", "a b"},       {"\"quo\\\"ted\"", "quo\"ted"},
                 {"50%", "50%"},     {"%4", "%4"},           {"%41%zz", "A%zz"},
                 {"%2541", "%41"},   {"%C3%BC", "\xc3\xbc"}, {"%C3", NULL},
                 {"%00", NULL},      {"%0a", NULL},          {"\xfc", NULL},
                 {"", NULL}};
    struct event_batch batch;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct event_header headers[] = {{"id", cases[i].value},
                                               {"source", "s"},
                                               {"specversion", "1.0"},
                                               {"type", "worker.heartbeat"}};
        struct arena arena = {0};
        event_batch_init(&batch, &arena);
        assert_int_equal(event_batch_decode(&batch, EVENT_MODE_BINARY, headers, 4, "", 0, &context),
                         REASON_NONE);
        bool taken = batch.events[0].status == EVENT_PENDING;
        if (taken != (cases[i].id != NULL) ||
            (taken && !text_equal(batch.events[0].id, cases[i].id)))
            fail_msg("%s", cases[i].value);
        arena_done(batch.arena);
    }
    const struct event_header twice[] = {{"id", "a"}, {"ID", "b"}};
    struct arena arena = {0};
    event_batch_init(&batch, &arena);
    assert_int_equal(event_batch_decode(&batch, EVENT_MODE_BINARY, twice, 2, "", 0, &context),
                     REASON_NONE);
    assert_string_equal(batch.events[0].field, "id");
    arena_done(batch.arena);
}

static void test_modes(void **state)
{
    enum event_mode mode = EVENT_MODE_TRACK;
    (void)state;
    assert_int_equal(event_mode_parse("application/cloudevents+json", true, false, &mode),
                     REASON_NONE);
    assert_int_equal(mode, EVENT_MODE_STRUCTURED);
    assert_int_equal(event_mode_parse("Application/CloudEvents-Batch+JSON;charset=\"utf-8\"", false,
                                      false, &mode),
                     REASON_NONE);
    assert_int_equal(mode, EVENT_MODE_BATCH);
    assert_int_equal(event_mode_parse("application/x-ndjson", false, false, &mode), REASON_NONE);
    assert_int_equal(mode, EVENT_MODE_LINES);
    assert_int_equal(event_mode_parse("application/json", true, false, &mode), REASON_NONE);
    assert_int_equal(mode, EVENT_MODE_BINARY);
    assert_int_equal(event_mode_parse("application/json", false, true, &mode), REASON_NONE);
    assert_int_equal(mode, EVENT_MODE_TRACK);
    assert_int_equal(event_mode_parse("application/json", false, false, &mode), REASON_MEDIA_TYPE);
    assert_int_equal(event_mode_parse("text/plain", true, false, &mode), REASON_MEDIA_TYPE);
    assert_int_equal(event_mode_parse("application/cloudevents+avro", true, false, &mode),
                     REASON_MEDIA_TYPE);
    assert_int_equal(
        event_mode_parse("application/cloudevents+json; charset=utf-16", false, false, &mode),
        REASON_MEDIA_TYPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structured),
        cmocka_unit_test(test_hash_does_not_depend_on_the_mode),
        cmocka_unit_test(test_hash_knows_where_one_attribute_ends),
        cmocka_unit_test(test_batch_faults_stay_with_their_event),
        cmocka_unit_test(test_whole_requests_refused),
        cmocka_unit_test(test_rejections),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_modes),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
