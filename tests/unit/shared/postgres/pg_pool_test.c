/* Needs a Postgres that may be thrown away: MH_TEST_PG_DSN. */
#include "shared/postgres/pg_pool.h"

#include <errno.h>

#include "tests/unit/shared/postgres/pg_harness.h"

static bool pool_up_twice(void *what)
{
    return link_ups >= 2 && pg_pool_up(what);
}

static void test_pool(void **state)
{
    struct answer slow = {.done = false}, quick = {.done = false};
    struct pg_pool *pool = NULL;
    const struct pg_link_options options = {.dsn = getenv("MH_TEST_PG_DSN"),
                                            .name = "unit-test-pool",
                                            .max_queue = 10,
                                            .on_state = on_state};
    (void)state;
    assert_int_equal(pg_pool_open(&test_loop, &options, 0, &pool), -EINVAL);
    assert_int_equal(pg_pool_open(&test_loop, &options, 2, &pool), 0);
    const struct pg_query sleep = {
        .statement = "select pg_sleep(60)", .on_result = on_result, .owner = &slow};
    const struct pg_query query = {.statement = "select current_setting('application_name')",
                                   .on_result = on_result,
                                   .owner = &quick};
    assert_false(pg_pool_up(pool));
    assert_int_equal(pg_pool_query(pool, &query), -ENOTCONN);
    loop_wait(&test_loop, pool_up_twice, pool);
    assert_int_equal(pg_pool_query(pool, &sleep), 0);
    assert_int_equal(pg_pool_query(pool, &query), 0); /* goes to the other link */
    loop_wait(&test_loop, is_done, &quick);
    assert_answer(&quick, "unit-test-pool-1");
    assert_false(slow.done);
    pg_pool_close(pool, on_closed, NULL);
    loop_wait(&test_loop, is_closed, NULL);
    assert_int_equal(slow.failure, PG_FAILED_CONNECTION);
    pg_pool_close(NULL, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_pool),
    };
    return RUN_WITH_SERVER(tests);
}
