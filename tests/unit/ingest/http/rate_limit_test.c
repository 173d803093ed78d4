#include "tests/unit/test.h"

#include <stdio.h>

#include "ingest/http/rate_limit.h"

#define SECOND INT64_C(1000000)

static void test_bucket(void **state)
{
    struct token_bucket bucket = {0};
    int64_t wait_ms = 0, now = SECOND;
    (void)state;
    assert_true(token_bucket_take(&bucket, 10, 20, 15, now, &wait_ms));
    assert_false(token_bucket_take(&bucket, 10, 20, 10, now, &wait_ms));
    assert_int_equal(wait_ms, 500);
    assert_true(token_bucket_take(&bucket, 10, 20, 5, now, &wait_ms));
    assert_true(token_bucket_take(&bucket, 10, 20, 10, now + SECOND, &wait_ms));
    assert_false(token_bucket_take(&bucket, 10, 20, 1, now + SECOND, &wait_ms));
}

static void test_more_than_the_burst_leaves_a_debt(void **state)
{
    struct token_bucket bucket = {0};
    int64_t wait_ms = 0, now = SECOND;
    (void)state;
    assert_true(token_bucket_take(&bucket, 10, 10, 30, now, &wait_ms));
    assert_false(token_bucket_take(&bucket, 10, 10, 1, now + 2 * SECOND, &wait_ms));
    assert_true(token_bucket_take(&bucket, 10, 10, 1, now + 3 * SECOND, &wait_ms));
}

static void test_addresses_are_apart_and_bounded(void **state)
{
    struct rate_table *limit = rate_table_new(1, 2, 100);
    int64_t wait_ms = 0;
    char address[32];
    (void)state;
    assert_true(rate_table_take(limit, "10.0.0.1", SECOND, &wait_ms));
    assert_true(rate_table_take(limit, "10.0.0.1", SECOND, &wait_ms));
    assert_false(rate_table_take(limit, "10.0.0.1", SECOND, &wait_ms));
    assert_true(rate_table_take(limit, "10.0.0.2", SECOND, &wait_ms));
    for (int i = 0; i < 1000; i++) {
        snprintf(address, sizeof(address), "192.0.2.%d", i);
        assert_true(rate_table_take(limit, address, SECOND, &wait_ms));
    }
    assert_true(rate_table_take(limit, "10.0.0.1", SECOND, &wait_ms));
    rate_table_free(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket),
        cmocka_unit_test(test_more_than_the_burst_leaves_a_debt),
        cmocka_unit_test(test_addresses_are_apart_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
