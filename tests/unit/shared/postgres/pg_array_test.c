#include "shared/postgres/pg_array.h"

#include "tests/unit/test.h"

static void assert_bytes(const struct pg_param *param, const void *bytes, size_t length)
{
    assert_int_equal(param->length, length);
    assert_true(param->binary);
    assert_memory_equal(param->data, bytes, length);
}

#define ASSERT_BYTES(param, text) assert_bytes(param, text, sizeof(text) - 1)

static void test_empty(void **state)
{
    struct pg_array array;
    (void)state;
    pg_array_init(&array, PG_INT4);
    struct pg_param param = pg_array_param(&array);
    assert_int_equal(param.type, 1007);
    ASSERT_BYTES(&param, "\0\0\0\0\0\0\0\0\0\0\0\x17");
    pg_array_done(&array);
}

static void test_integers(void **state)
{
    struct pg_array array;
    (void)state;
    pg_array_init(&array, PG_INT2);
    pg_array_add_int(&array, -2);
    pg_array_add_null(&array);
    pg_array_add_int(&array, 258);
    struct pg_param param = pg_array_param(&array);
    assert_int_equal(param.type, 1005);
    ASSERT_BYTES(&param, "\0\0\0\1\0\0\0\1\0\0\0\x15\0\0\0\3\0\0\0\1"
                         "\0\0\0\2\xff\xfe\xff\xff\xff\xff\0\0\0\2\1\2");
    pg_array_done(&array);

    pg_array_init(&array, PG_INT8);
    pg_array_add_int(&array, INT64_MIN);
    param = pg_array_param(&array);
    ASSERT_BYTES(&param, "\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\1\0\0\0\1"
                         "\0\0\0\x8\x80\0\0\0\0\0\0\0");
    pg_array_done(&array);
}

static void test_reuse_and_texts(void **state)
{
    struct pg_array array;
    (void)state;
    pg_array_init(&array, PG_TEXT);
    pg_array_add_null(&array);
    pg_array_param(&array);
    pg_array_clear(&array);
    pg_array_add_bytes(&array, "ab", 2);
    pg_array_add_bytes(&array, NULL, 0);
    struct pg_param param = pg_array_param(&array);
    ASSERT_BYTES(&param, "\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\2\0\0\0\1"
                         "\0\0\0\2ab\0\0\0\0");
    pg_array_done(&array);
}

static void test_jsonb_and_time(void **state)
{
    struct pg_array array;
    (void)state;
    pg_array_init(&array, PG_JSONB);
    pg_array_add_bytes(&array, "{}", 2);
    struct pg_param param = pg_array_param(&array);
    assert_int_equal(param.type, 3807);
    ASSERT_BYTES(&param, "\0\0\0\1\0\0\0\0\0\0\x0e\xda\0\0\0\1\0\0\0\1"
                         "\0\0\0\3\1{}");
    pg_array_done(&array);

    pg_array_init(&array, PG_TIMESTAMPTZ);
    pg_array_add_time(&array, 946684800000000 + 1);
    param = pg_array_param(&array);
    ASSERT_BYTES(&param, "\0\0\0\1\0\0\0\0\0\0\4\xa0\0\0\0\1\0\0\0\1"
                         "\0\0\0\x8\0\0\0\0\0\0\0\1");
    pg_array_done(&array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_reuse_and_texts),
        cmocka_unit_test(test_jsonb_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
