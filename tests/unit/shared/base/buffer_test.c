#include "shared/base/buffer.h"

#include <string.h>

#include "tests/unit/test.h"

static void assert_text(const struct buffer *buffer, const char *text)
{
    assert_int_equal(buffer->length, strlen(text));
    assert_memory_equal(buffer->data, text, buffer->length);
}

static void test_append_grows(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    for (int i = 0; i < 10000; i++)
        buffer_append(&buffer, "0123456789", 10);
    assert_int_equal(buffer.length, 100000);
    for (size_t i = 0; i < buffer.length; i++)
        assert_int_equal(buffer.data[i], '0' + (int)(i % 10));
    buffer_done(&buffer);
    assert_null(buffer.data);
}

static void test_append_nothing(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    buffer_append(&buffer, NULL, 0);
    buffer_append_text(&buffer, "");
    assert_int_equal(buffer.length, 0);
    assert_non_null(buffer_reserve(&buffer, 0));
    buffer_done(&buffer);
}

static void test_i64(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    buffer_append_i64(&buffer, 0);
    buffer_append_text(&buffer, " ");
    buffer_append_i64(&buffer, -7);
    buffer_append_text(&buffer, " ");
    buffer_append_i64(&buffer, INT64_MAX);
    buffer_append_text(&buffer, " ");
    buffer_append_i64(&buffer, INT64_MIN);
    assert_text(&buffer, "0 -7 9223372036854775807 -9223372036854775808");
    buffer_done(&buffer);
}

static void test_json_string(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    static const char text[] = "a\"b\\c\n\t\b\f\r\x01\x1f/\xc3\xa9\0z";
    buffer_append_json_string(&buffer, text, sizeof(text) - 1);
    assert_text(&buffer, "\"a\\\"b\\\\c\\n\\t\\b\\f\\r\\u0001\\u001f/\xc3\xa9\\u0000z\"");
    buffer_clear(&buffer);
    buffer_append_json_string(&buffer, "", 0);
    assert_text(&buffer, "\"\"");
    buffer_done(&buffer);
}

static void test_printf(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    buffer_printf(&buffer, "%d-%s", 42, "x");
    buffer_printf(&buffer, "%s", "");
    buffer_printf(&buffer, "%600d", 1);
    assert_int_equal(buffer.length, 4 + 600);
    assert_memory_equal(buffer.data, "42-x ", 5);
    buffer_done(&buffer);
}

static void test_clear_keeps_memory(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_INIT;
    buffer_append_text(&buffer, "abc");
    const char *data = buffer.data;
    buffer_clear(&buffer);
    buffer_append_text(&buffer, "d");
    assert_ptr_equal(buffer.data, data);
    assert_text(&buffer, "d");
    buffer_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_grows), cmocka_unit_test(test_append_nothing),
        cmocka_unit_test(test_i64),          cmocka_unit_test(test_json_string),
        cmocka_unit_test(test_printf),       cmocka_unit_test(test_clear_keeps_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
