/* Needs a Postgres that may be thrown away: MH_TEST_PG_DSN. */
#include "shared/postgres/pg_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/postgres/pg_array.h"
#include "tests/unit/shared/postgres/pg_harness.h"

static void test_values(void **state)
{
    struct answer answer;
    (void)state;
    open_up();
    const struct pg_param params[] = {{.type = 25, .data = "abc", .length = 3},
                                      {.type = 23, .data = "\0\0\1\0", .length = 4, .binary = true},
                                      {.type = 25, .length = -1}};
    assert_int_equal(ask("values", "select $1 || $2 || coalesce($3, '-')", params, 3, &answer), 0);
    assert_false(answer.done); /* never from within the call */
    loop_wait(&test_loop, is_done, &answer);
    assert_answer(&answer, "abc256-");
    ask_and_wait("select null::text", &answer);
    assert_answer(&answer, "(null)");
    ask_and_wait("select current_setting('application_name')", &answer);
    assert_answer(&answer, "unit-test");
    close_link();
}

static void on_typed_result(void *owner, const struct pg_result *result)
{
    assert_int_equal(pg_result_rows(result), 2);
    assert_int_equal(pg_result_i64(result, 0, 0, -1), -9223372036854775807LL);
    assert_int_equal(pg_result_i64(result, 1, 0, -1), -1);
    assert_true(pg_result_bool(result, 0, 1));
    assert_false(pg_result_bool(result, 1, 1));
    *(bool *)owner = true;
}

static bool is_true(void *what)
{
    return *(bool *)what;
}

static void test_typed_columns(void **state)
{
    bool seen = false;
    (void)state;
    open_up();
    const struct pg_query query = {.name = "typed",
                                   .statement =
                                       "values (-9223372036854775807::int8, true), (null, false)",
                                   .on_result = on_typed_result,
                                   .owner = &seen};
    assert_int_equal(pg_link_query(link_under_test, &query), 0);
    loop_wait(&test_loop, is_true, &seen);
    close_link();
}

static void test_arrays(void **state)
{
    enum { ARRAYS = 7 };
    struct pg_array arrays[ARRAYS];
    struct pg_param params[ARRAYS];
    struct answer answer;
    (void)state;
    open_up();
    for (int i = 0; i < ARRAYS; i++)
        pg_array_init(&arrays[i], (enum pg_element)i);
    for (int round = 0; round < 2; round++) { /* reused, the second time longer */
        for (int i = 0; i < ARRAYS; i++)
            pg_array_clear(&arrays[i]);
        for (int row = 0; row <= round; row++) {
            pg_array_add_int(&arrays[PG_INT2], -3);
            pg_array_add_int(&arrays[PG_INT4], 70000);
            pg_array_add_int(&arrays[PG_INT8], -5000000000);
            pg_array_add_bytes(&arrays[PG_TEXT], "\xc3\xa9", 2);
            pg_array_add_null(&arrays[PG_BYTEA]);
            pg_array_add_bytes(&arrays[PG_JSONB], "{\"a\":1}", 7);
            pg_array_add_time(&arrays[PG_TIMESTAMPTZ], 1795262400000001);
        }
        for (int i = 0; i < ARRAYS; i++)
            params[i] = pg_array_param(&arrays[i]);
        assert_int_equal(
            ask("arrays",
                "select count(*) || ':' || min(concat_ws('|', a, b, c, d, e, f, extract(epoch from "
                "g))) from unnest($1::int2[], $2::int4[], $3::int8[], $4::text[], $5::bytea[], "
                "$6::jsonb[], $7::timestamptz[]) x(a,b,c,d,e,f,g)",
                params, ARRAYS, &answer),
            0);
        loop_wait(&test_loop, is_done, &answer);
        assert_answer(&answer,
                      round ? "2:-3|70000|-5000000000|\xc3\xa9|{\"a\": 1}|1795262400.000001"
                            : "1:-3|70000|-5000000000|\xc3\xa9|{\"a\": 1}|1795262400.000001");
    }
    pg_array_clear(&arrays[PG_INT4]);
    params[0] = pg_array_param(&arrays[PG_INT4]);
    assert_int_equal(ask("empty", "select cardinality($1)", params, 1, &answer), 0);
    loop_wait(&test_loop, is_done, &answer);
    assert_answer(&answer, "0");
    for (int i = 0; i < ARRAYS; i++)
        pg_array_done(&arrays[i]);
    close_link();
}

static void test_order_and_bound(void **state)
{
    struct answer some[4];
    (void)state;
    open_link(getenv("MH_TEST_PG_DSN"), 2, 0);
    assert_int_equal(ask(NULL, "select 1", NULL, 0, &some[0]), -ENOTCONN);
    loop_wait(&test_loop, is_up, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask("order", "select 1", NULL, 0, &some[i]), 0);
    assert_int_equal(pg_link_depth(link_under_test), 3);
    assert_int_equal(ask(NULL, "select 1", NULL, 0, &some[3]), -ENOBUFS);
    loop_wait(&test_loop, is_done, &some[2]);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(some[i].order, i + 1);
    assert_int_equal(pg_link_depth(link_under_test), 0);
    assert_int_equal(ask("many", "select 1", NULL, PG_MAX_PARAMS + 1, &some[3]), -E2BIG);
    close_link();
}

static void test_prepared_once(void **state)
{
    struct answer answer;
    (void)state;
    open_up();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            ask("once", "select calls_ok from (select 1 as calls_ok) x", NULL, 0, &answer), 0);
        loop_wait(&test_loop, is_done, &answer);
        assert_answer(&answer, "1");
    }
    ask_and_wait("select count(*) || ':' || max(generic_plans + custom_plans) from "
                 "pg_prepared_statements where name = 'once'",
                 &answer);
    assert_answer(&answer, "1:3");
    close_link();
}

static void test_errors(void **state)
{
    static const struct {
        const char *statement, *sqlstate;
        enum pg_failure failure;
    } cases[] = {
        {"select 1/0", "22012", PG_FAILED_STATEMENT},
        {"selec", "42601", PG_FAILED_STATEMENT},
        {"select * from no_such_table", "42P01", PG_FAILED_STATEMENT},
        {"do $$begin raise exception 'x' using errcode = '40001'; end$$", "40001",
         PG_FAILED_RETRYABLE},
        {"do $$begin raise exception 'x' using errcode = '40P01'; end$$", "40P01",
         PG_FAILED_RETRYABLE},
        {"do $$begin raise exception 'x' using errcode = '53100'; end$$", "53100",
         PG_FAILED_RETRYABLE},
    };
    struct answer answer;
    (void)state;
    open_up();
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        ask_and_wait(cases[i].statement, &answer);
        assert_int_equal(answer.failure, cases[i].failure);
        assert_string_equal(answer.sqlstate, cases[i].sqlstate);
        assert_true(strlen(answer.message) > 0);
        assert_int_equal(answer.rows, 0);
    }
    /* A statement that cannot be prepared fails alone, too. */
    assert_int_equal(ask("bad", "select no_such_column", NULL, 0, &answer), 0);
    loop_wait(&test_loop, is_done, &answer);
    assert_int_equal(answer.failure, PG_FAILED_STATEMENT);
    ask_and_wait("select 'alive'", &answer);
    assert_answer(&answer, "alive");
    assert_int_equal(link_ups, 1);
    assert_int_equal(link_downs, 0);
    close_link();
}

/* The rows have arrived before the commit fails: only ready-for-query tells. */
static void test_commit_failure(void **state)
{
    struct answer answer;
    (void)state;
    open_up();
    ask_and_wait("create temp table once (a int unique deferrable initially deferred)", &answer);
    assert_int_equal(answer.failure, PG_OK);
    assert_int_equal(ask("twice", "insert into once values (1), (1) returning a", NULL, 0, &answer),
                     0);
    loop_wait(&test_loop, is_done, &answer);
    assert_int_equal(answer.failure, PG_FAILED_STATEMENT);
    assert_string_equal(answer.sqlstate, "23505");
    assert_int_equal(answer.rows, 0);
    ask_and_wait("select count(*) from once", &answer);
    assert_answer(&answer, "0");
    close_link();
}

static void test_large_both_ways(void **state)
{
    enum { SIZE = 16 << 20 };
    struct answer answer, echo;
    char *text = memory_alloc(SIZE);
    (void)state;
    memset(text, 'x', SIZE);
    open_up();
    const struct pg_param param = {.type = 25, .data = text, .length = SIZE};
    assert_int_equal(ask("length", "select length($1)", &param, 1, &answer), 0);
    assert_int_equal(ask("echo", "select $1", &param, 1, &echo), 0);
    loop_wait(&test_loop, is_done, &echo);
    assert_answer(&answer, "16777216");
    assert_int_equal(echo.failure, PG_OK);
    assert_int_equal(echo.text_length, SIZE);
    close_link();
    free(text);
}

static void test_not_a_dsn(void **state)
{
    struct pg_link *link = NULL;
    const struct pg_link_options options = {.dsn = "host", .name = "x"};
    (void)state;
    assert_int_equal(pg_link_open(&test_loop, &options, &link), -EINVAL);
    assert_null(link);
    pg_link_close(NULL, NULL, NULL);
}

static void test_close_fails_what_waits(void **state)
{
    struct answer running, waiting;
    (void)state;
    open_up();
    assert_int_equal(ask(NULL, "select pg_sleep(60)", NULL, 0, &running), 0);
    assert_int_equal(ask(NULL, "select 1", NULL, 0, &waiting), 0);
    pg_link_close(link_under_test, on_closed, NULL);
    assert_int_equal(running.failure, PG_FAILED_CONNECTION);
    assert_true(waiting.done);
    assert_int_equal(pg_link_state(link_under_test), PG_LINK_CLOSED);
    loop_wait(&test_loop, is_closed, NULL);
}

static void close_on_result(void *owner, const struct pg_result *result)
{
    (void)result;
    if (!link_closed && pg_link_state(link_under_test) != PG_LINK_CLOSED)
        pg_link_close(link_under_test, on_closed, NULL);
    ++*(unsigned *)owner;
}

static void test_close_from_callback(void **state)
{
    static const char *const statements[] = {"select 1",
                                             "select pg_terminate_backend(pg_backend_pid())"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(statements); i++) {
        unsigned called = 0;
        open_up();
        const struct pg_query query = {
            .statement = statements[i], .on_result = close_on_result, .owner = &called};
        assert_int_equal(pg_link_query(link_under_test, &query), 0);
        assert_int_equal(pg_link_query(link_under_test, &query), 0);
        loop_wait(&test_loop, is_closed, NULL);
        assert_int_equal(called, 2);
        link_closed = false;
    }
}

struct chain {
    struct answer answer;
    unsigned left;
};

static void ask_next(void *owner, const struct pg_result *result)
{
    struct chain *chain = owner;
    assert_int_equal(pg_result_failure(result), PG_OK);
    if (--chain->left == 0) {
        chain->answer.done = true;
        return;
    }
    const struct pg_query query = {
        .name = "chain", .statement = "select 1", .on_result = ask_next, .owner = chain};
    assert_int_equal(pg_link_query(link_under_test, &query), 0);
}

static void test_query_from_callback(void **state)
{
    struct chain chain = {.left = 500};
    (void)state;
    open_up();
    const struct pg_query query = {
        .name = "chain", .statement = "select 1", .on_result = ask_next, .owner = &chain};
    assert_int_equal(pg_link_query(link_under_test, &query), 0);
    loop_wait(&test_loop, is_done, &chain.answer);
    close_link();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_values),
        LOOP_TEST(test_typed_columns),
        LOOP_TEST(test_arrays),
        LOOP_TEST(test_order_and_bound),
        LOOP_TEST(test_prepared_once),
        LOOP_TEST(test_errors),
        LOOP_TEST(test_commit_failure),
        LOOP_TEST(test_large_both_ways),
        LOOP_TEST(test_not_a_dsn),
        LOOP_TEST(test_close_fails_what_waits),
        LOOP_TEST(test_close_from_callback),
        LOOP_TEST(test_query_from_callback),
    };
    return RUN_WITH_SERVER(tests);
}
