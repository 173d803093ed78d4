#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "ingest/messages/message.h"
#include "shared/base/buffer.h"

#define ID "\"client_id\":\"0193A1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b\""

static void test_decodes(void **state)
{
    static const char text[] = " {" ID ",\"body\":\"a\\u00e9\\n\\ud83c\\udfac\",\"later\":[{}]} ";
    struct arena arena = {0};
    struct message message;
    const char *field = "unset";
    (void)state;
    assert_int_equal(message_decode(text, strlen(text), &arena, &message, &field), REASON_NONE);
    assert_null(field);
    assert_string_equal(message.client_id.bytes, "0193A1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b");
    assert_string_equal(message.body.bytes, "a\xc3\xa9\n\xf0\x9f\x8e\xac");
    assert_int_equal(message.body.length, 8);
    arena_done(&arena);
}

static void test_refuses(void **state)
{
    static const struct {
        const char *text, *field;
        enum reason reason;
    } cases[] = {
        {"", NULL, REASON_INVALID_JSON},
        {"null", NULL, REASON_INVALID_JSON},
        {"[{" ID ",\"body\":\"x\"}]", NULL, REASON_INVALID_JSON},
        {"{" ID ",\"body\":\"x\"", NULL, REASON_INVALID_JSON},
        {"{" ID ",\"body\":\"x\"} x", NULL, REASON_INVALID_JSON},
        {"{" ID ",\"body\":\"x\",\"body\":\"y\"}", NULL, REASON_INVALID_JSON},
        {"{" ID ",\"body\":\"\\u0000\"}", NULL, REASON_INVALID_JSON},
        {"{" ID ",\"body\":\"\\ud800\"}", NULL, REASON_INVALID_JSON},
        {"{" ID ",\"body\":\"\xff\"}", NULL, REASON_INVALID_JSON},
        {"{" ID ",\"body\":\"x\",\"a\":[[[[[[[[0]]]]]]]]}", NULL, REASON_TOO_DEEP},
        {"{\"body\":\"x\"}", "client_id", REASON_MISSING},
        {"{\"client_id\":null,\"body\":\"x\"}", "client_id", REASON_MISSING},
        {"{\"client_id\":1,\"body\":\"x\"}", "client_id", REASON_INVALID},
        {"{\"client_id\":\"\",\"body\":\"x\"}", "client_id", REASON_INVALID},
        {"{\"client_id\":\"0193a1b2c3d47e5f8a9b0c1d2e3f4a5b\",\"body\":\"x\"}", "client_id",
         REASON_INVALID},
        {"{\"client_id\":\"0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5g\",\"body\":\"x\"}", "client_id",
         REASON_INVALID},
        {"{" ID "}", "body", REASON_MISSING},
        {"{" ID ",\"body\":\"\"}", "body", REASON_MISSING},
        {"{" ID ",\"body\":{}}", "body", REASON_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct arena arena = {0};
        struct message message;
        const char *field;
        enum reason reason =
            message_decode(cases[i].text, strlen(cases[i].text), &arena, &message, &field);
        if (reason != cases[i].reason)
            fail_msg("%s: %s", cases[i].text, reason_text(reason));
        assert_int_equal(field == NULL, cases[i].field == NULL);
        if (field)
            assert_string_equal(field, cases[i].field);
        arena_done(&arena);
    }
}

/* The limit is of the text, however it is written. */
static enum reason decode_of_length(size_t length, const char *unit)
{
    struct buffer text = BUFFER_INIT;
    struct arena arena = {0};
    struct message message;
    const char *field;
    buffer_append_text(&text, "{" ID ",\"body\":\"");
    for (size_t i = 0; i < length; i++)
        buffer_append_text(&text, unit);
    buffer_append_text(&text, "\"}");
    enum reason reason = message_decode(text.data, text.length, &arena, &message, &field);
    arena_done(&arena);
    buffer_done(&text);
    return reason;
}

static void test_length(void **state)
{
    (void)state;
    assert_int_equal(decode_of_length(MESSAGE_MAX_BODY, "x"), REASON_NONE);
    assert_int_equal(decode_of_length(MESSAGE_MAX_BODY, "\\u0041"), REASON_NONE);
    assert_int_equal(decode_of_length(MESSAGE_MAX_BODY + 1, "x"), REASON_TOO_LONG);
    assert_int_equal(decode_of_length(MESSAGE_MAX_BODY / 2, "\xc3\xa9"), REASON_NONE);
    assert_int_equal(decode_of_length(MESSAGE_MAX_BODY / 2 + 1, "\xc3\xa9"), REASON_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
