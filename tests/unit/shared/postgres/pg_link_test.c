/* Needs a Postgres that may be thrown away: MH_TEST_PG_DSN. With MH_TEST_PG_RESTART, a shell
 * command that kills and starts it again, its death is tested too. */
#include "shared/postgres/pg_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/postgres/pg_array.h"
#include "shared/postgres/pg_pool.h"
#include "tests/unit/shared/loop_wait.h"

struct answer {
    bool done;
    unsigned order; /* among all answers of the test */
    enum pg_failure failure;
    char sqlstate[6];
    char message[128];
    char text[128]; /* first column of the first row */
    int rows;
    size_t text_length;
};

static uv_loop_t loop;
static struct pg_link *link_under_test;
static unsigned answers, ups, downs;
static bool closed;

static void on_state(void *owner, struct pg_link *link, enum pg_link_state state)
{
    (void)owner;
    (void)link;
    ups += state == PG_LINK_UP;
    downs += state == PG_LINK_DOWN;
}

static void on_closed(void *owner)
{
    (void)owner;
    closed = true;
}

static void on_result(void *owner, const struct pg_result *result)
{
    struct answer *answer = owner;
    assert_false(answer->done); /* once only */
    answer->done = true;
    answer->order = ++answers;
    answer->failure = pg_result_failure(result);
    snprintf(answer->sqlstate, sizeof(answer->sqlstate), "%s", pg_result_sqlstate(result));
    snprintf(answer->message, sizeof(answer->message), "%s", pg_result_message(result));
    answer->rows = pg_result_rows(result);
    if (answer->rows) {
        const char *text = pg_result_text(result, 0, 0, &answer->text_length);
        snprintf(answer->text, sizeof(answer->text), "%s", text ? text : "(null)");
    }
}

static bool is_up(void *what)
{
    (void)what;
    return pg_link_state(link_under_test) == PG_LINK_UP;
}

static bool is_down(void *what)
{
    (void)what;
    return pg_link_state(link_under_test) == PG_LINK_DOWN;
}

static bool is_done(void *what)
{
    return ((struct answer *)what)->done;
}

static bool is_closed(void *what)
{
    (void)what;
    return closed;
}

static bool was_down_twice(void *what)
{
    (void)what;
    return downs >= 2;
}

static bool was_up_twice(void *what)
{
    (void)what;
    return ups >= 2;
}

static int set_up(void **state)
{
    (void)state;
    answers = ups = downs = 0;
    closed = false;
    link_under_test = NULL;
    return uv_loop_init(&loop);
}

/* Nothing may be left on the loop. */
static int tear_down(void **state)
{
    (void)state;
    return loop_end(&loop);
}

static void open_link(const char *dsn, uint32_t max_queue, uint32_t connect_timeout_ms)
{
    const struct pg_link_options options = {.dsn = dsn,
                                            .name = "unit-test",
                                            .max_queue = max_queue,
                                            .connect_timeout_ms = connect_timeout_ms,
                                            .on_state = on_state};
    assert_int_equal(pg_link_open(&loop, &options, &link_under_test), 0);
    assert_int_equal(pg_link_state(link_under_test), PG_LINK_CONNECTING);
}

static void open_up(void)
{
    open_link(getenv("MH_TEST_PG_DSN"), 100, 0);
    loop_wait(&loop, is_up, NULL);
}

static void close_link(void)
{
    pg_link_close(link_under_test, on_closed, NULL);
    loop_wait(&loop, is_closed, NULL);
}

static int ask(const char *name, const char *statement, const struct pg_param *params, int count,
               struct answer *answer)
{
    *answer = (struct answer){.done = false};
    return pg_link_query(link_under_test, &(struct pg_query){.name = name,
                                                             .statement = statement,
                                                             .params = params,
                                                             .param_count = count,
                                                             .on_result = on_result,
                                                             .owner = answer});
}

static void ask_and_wait(const char *statement, struct answer *answer)
{
    assert_int_equal(ask(NULL, statement, NULL, 0, answer), 0);
    loop_wait(&loop, is_done, answer);
}

static void assert_answer(const struct answer *answer, const char *text)
{
    assert_string_equal(answer->message, "");
    assert_int_equal(answer->failure, PG_OK);
    assert_string_equal(answer->text, text);
}

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
    loop_wait(&loop, is_done, &answer);
    assert_answer(&answer, "abc256-");
    ask_and_wait("select null::text", &answer);
    assert_answer(&answer, "(null)");
    ask_and_wait("select current_setting('application_name')", &answer);
    assert_answer(&answer, "unit-test");
    close_link();
}

static void on_typed_result(void *owner, const struct pg_result *result)
{
    unsigned char bytes[4] = {0};
    assert_int_equal(pg_result_rows(result), 2);
    assert_int_equal(pg_result_i64(result, 0, 0, -1), -9223372036854775807LL);
    assert_int_equal(pg_result_i64(result, 1, 0, -1), -1);
    assert_true(pg_result_bool(result, 0, 1));
    assert_false(pg_result_bool(result, 1, 1));
    assert_int_equal(pg_result_bytes(result, 0, 2, bytes, sizeof(bytes)), 3);
    assert_memory_equal(bytes, "\x00\xfe\x10", 3);
    assert_int_equal(pg_result_bytes(result, 0, 2, bytes, 2), -1);
    assert_int_equal(pg_result_bytes(result, 1, 2, bytes, sizeof(bytes)), -1);
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
                                       "values (-9223372036854775807::int8, true, '\\x00fe10'::"
                                       "bytea), (null, false, null)",
                                   .on_result = on_typed_result,
                                   .owner = &seen};
    assert_int_equal(pg_link_query(link_under_test, &query), 0);
    loop_wait(&loop, is_true, &seen);
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
        loop_wait(&loop, is_done, &answer);
        assert_answer(&answer,
                      round ? "2:-3|70000|-5000000000|\xc3\xa9|{\"a\": 1}|1795262400.000001"
                            : "1:-3|70000|-5000000000|\xc3\xa9|{\"a\": 1}|1795262400.000001");
    }
    pg_array_clear(&arrays[PG_INT4]);
    params[0] = pg_array_param(&arrays[PG_INT4]);
    assert_int_equal(ask("empty", "select cardinality($1)", params, 1, &answer), 0);
    loop_wait(&loop, is_done, &answer);
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
    loop_wait(&loop, is_up, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask("order", "select 1", NULL, 0, &some[i]), 0);
    assert_int_equal(pg_link_depth(link_under_test), 3);
    assert_int_equal(ask(NULL, "select 1", NULL, 0, &some[3]), -ENOBUFS);
    loop_wait(&loop, is_done, &some[2]);
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
        loop_wait(&loop, is_done, &answer);
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
    loop_wait(&loop, is_done, &answer);
    assert_int_equal(answer.failure, PG_FAILED_STATEMENT);
    ask_and_wait("select 'alive'", &answer);
    assert_answer(&answer, "alive");
    assert_int_equal(ups, 1);
    assert_int_equal(downs, 0);
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
    loop_wait(&loop, is_done, &answer);
    assert_int_equal(answer.failure, PG_FAILED_STATEMENT);
    assert_string_equal(answer.sqlstate, "23505");
    assert_int_equal(answer.rows, 0);
    ask_and_wait("select count(*) from once", &answer);
    assert_answer(&answer, "0");
    close_link();
}

static void test_timeout(void **state)
{
    struct answer slow, waiting, after;
    (void)state;
    open_up();
    slow = (struct answer){.done = false};
    const struct pg_query query = {.statement = "select pg_sleep(60)",
                                   .on_result = on_result,
                                   .owner = &slow,
                                   .timeout_ms = 50};
    assert_int_equal(pg_link_query(link_under_test, &query), 0);
    assert_int_equal(ask(NULL, "select 1", NULL, 0, &waiting), 0);
    loop_wait(&loop, is_done, &waiting);
    assert_int_equal(slow.failure, PG_FAILED_CONNECTION);
    assert_string_equal(slow.message, "a query took too long");
    assert_int_equal(waiting.failure, PG_FAILED_CONNECTION);
    assert_int_equal(pg_link_state(link_under_test), PG_LINK_DOWN);
    loop_wait(&loop, is_up, NULL);
    ask_and_wait("select 'back'", &after);
    assert_answer(&after, "back");
    close_link();
}

/* The server ends the connection in the middle of a query: the outcome is unknown, and what was
 * prepared is prepared again on the next connection. */
static void test_terminated_while_busy(void **state)
{
    struct answer first, fatal, waiting;
    (void)state;
    open_up();
    assert_int_equal(ask("again", "select 'prepared'", NULL, 0, &first), 0);
    loop_wait(&loop, is_done, &first);
    assert_int_equal(ask("fatal", "select pg_terminate_backend(pg_backend_pid())", NULL, 0, &fatal),
                     0);
    assert_int_equal(ask("again", "select 'prepared'", NULL, 0, &waiting), 0);
    loop_wait(&loop, is_done, &waiting);
    assert_int_equal(fatal.failure, PG_FAILED_CONNECTION);
    assert_string_equal(fatal.sqlstate, "57P01");
    assert_int_equal(waiting.failure, PG_FAILED_CONNECTION);
    assert_int_equal(ask("again", "select 'prepared'", NULL, 0, &first), -ENOTCONN);
    loop_wait(&loop, is_up, NULL);
    assert_int_equal(ask("again", "select 'prepared'", NULL, 0, &first), 0);
    loop_wait(&loop, is_done, &first);
    assert_answer(&first, "prepared");
    assert_int_equal(ups, 2);
    assert_int_equal(downs, 1);
    close_link();
}

static void test_terminated_while_idle(void **state)
{
    struct answer pid, killed;
    char statement[256];
    (void)state;
    open_up();
    struct pg_link *victim = link_under_test;
    ask_and_wait("select pg_backend_pid()", &pid);
    open_up();
    snprintf(statement, sizeof(statement), "select pg_terminate_backend(%s)", pid.text);
    ask_and_wait(statement, &killed);
    assert_answer(&killed, "t");
    close_link();
    link_under_test = victim;
    closed = false;
    if (pg_link_state(victim) == PG_LINK_UP && downs == 0)
        loop_wait(&loop, is_down, NULL);
    loop_wait(&loop, is_up, NULL);
    assert_int_equal(downs, 1);
    ask_and_wait("select 'back'", &pid);
    assert_answer(&pid, "back");
    close_link();
}

/* After a failover a connection may lead to a server that only reads. */
static void test_read_only_server_is_left(void **state)
{
    struct answer answer;
    (void)state;
    open_up();
    ask_and_wait("select set_config('default_transaction_read_only', 'on', false)", &answer);
    ask_and_wait("create table never (a int)", &answer);
    assert_int_equal(answer.failure, PG_FAILED_RETRYABLE);
    assert_string_equal(answer.sqlstate, "25006");
    loop_wait(&loop, was_up_twice, NULL);
    ask_and_wait("show default_transaction_read_only", &answer);
    assert_answer(&answer, "off");
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
    loop_wait(&loop, is_done, &echo);
    assert_answer(&answer, "16777216");
    assert_int_equal(echo.failure, PG_OK);
    assert_int_equal(echo.text_length, SIZE);
    close_link();
    free(text);
}

/* A port that is ours but does not listen refuses every connect. */
static int reserve_port(int backlog, int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int reserved = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(reserved, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(reserved, (struct sockaddr *)&address, &size), 0);
    if (backlog)
        assert_int_equal(listen(reserved, backlog), 0);
    *ret_port = ntohs(address.sin_port);
    return reserved;
}

static void test_refused_connect(void **state)
{
    char dsn[64];
    int port;
    (void)state;
    int reserved = reserve_port(0, &port);
    snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%d user=x dbname=x", port);
    open_link(dsn, 1, 600000); /* the refusal has to be noticed, not the timeout */
    loop_wait(&loop, was_down_twice, NULL);
    assert_int_equal(ups, 0);
    close_link();
    close(reserved);
}

static void test_missing_socket(void **state)
{
    (void)state;
    open_link("host=/nonexistent user=x dbname=x", 1, 0);
    loop_wait(&loop, was_down_twice, NULL);
    close_link();
}

/* The kernel accepts for a server that never says a word. */
static void test_silent_server(void **state)
{
    char dsn[64];
    int port;
    (void)state;
    int reserved = reserve_port(8, &port);
    snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%d user=x dbname=x", port);
    open_link(dsn, 1, 50);
    loop_wait(&loop, was_down_twice, NULL);
    assert_int_equal(ups, 0);
    close_link();
    close(reserved);
}

/* The descriptor changes on the way from a refusing host to the one that answers. */
static void test_second_host(void **state)
{
    const char *dsn = getenv("MH_TEST_PG_DSN");
    const char *host = dsn ? strstr(dsn, "host=") : NULL;
    char host_name[256] = "", both[1024];
    int refusing, port = 5432;
    (void)state;
    if (!host || sscanf(host, "host=%255s", host_name) != 1) {
        print_message("needs a MH_TEST_PG_DSN of the form host=…\n");
        skip();
        return;
    }
    const char *port_text = strstr(dsn, "port=");
    if (port_text)
        port = (int)strtol(port_text + 5, NULL, 10);
    int reserved = reserve_port(0, &refusing);
    snprintf(both, sizeof(both), "%s host=127.0.0.1,127.0.0.1,%s port=%d,%d,%d", dsn, host_name,
             refusing, refusing, port);
    open_link(both, 1, 0);
    loop_wait(&loop, is_up, NULL);
    assert_int_equal(downs, 0);
    close_link();
    close(reserved);
}

static void test_not_a_dsn(void **state)
{
    struct pg_link *link = NULL;
    const struct pg_link_options options = {.dsn = "host", .name = "x"};
    (void)state;
    assert_int_equal(pg_link_open(&loop, &options, &link), -EINVAL);
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
    loop_wait(&loop, is_closed, NULL);
}

static void close_on_result(void *owner, const struct pg_result *result)
{
    (void)result;
    if (!closed && pg_link_state(link_under_test) != PG_LINK_CLOSED)
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
        loop_wait(&loop, is_closed, NULL);
        assert_int_equal(called, 2);
        closed = false;
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
    loop_wait(&loop, is_done, &chain.answer);
    close_link();
}

static void test_server_restart(void **state)
{
    const char *command = getenv("MH_TEST_PG_RESTART");
    struct answer answer, lost;
    (void)state;
    if (!command) {
        print_message("MH_TEST_PG_RESTART is not set\n");
        skip();
    }
    open_up();
    assert_int_equal(ask("held", "select pg_sleep(60)", NULL, 0, &lost), 0);
    /* NOLINTNEXTLINE(cert-env33-c): the command is given by whoever runs the test */
    assert_int_equal(system(command), 0);
    loop_wait(&loop, is_done, &lost);
    assert_int_equal(lost.failure, PG_FAILED_CONNECTION);
    loop_wait(&loop, was_up_twice, NULL);
    ask_and_wait("select 'back'", &answer);
    assert_answer(&answer, "back");
    close_link();
}

static bool pool_up_twice(void *what)
{
    return ups >= 2 && pg_pool_up(what);
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
    assert_int_equal(pg_pool_open(&loop, &options, 0, &pool), -EINVAL);
    assert_int_equal(pg_pool_open(&loop, &options, 2, &pool), 0);
    const struct pg_query sleep = {
        .statement = "select pg_sleep(60)", .on_result = on_result, .owner = &slow};
    const struct pg_query query = {.statement = "select current_setting('application_name')",
                                   .on_result = on_result,
                                   .owner = &quick};
    assert_false(pg_pool_up(pool));
    assert_int_equal(pg_pool_query(pool, &query), -ENOTCONN);
    loop_wait(&loop, pool_up_twice, pool);
    assert_int_equal(pg_pool_query(pool, &sleep), 0);
    assert_int_equal(pg_pool_query(pool, &query), 0); /* goes to the other link */
    loop_wait(&loop, is_done, &quick);
    assert_answer(&quick, "unit-test-pool-1");
    assert_false(slow.done);
    pg_pool_close(pool, on_closed, NULL);
    loop_wait(&loop, is_closed, NULL);
    assert_int_equal(slow.failure, PG_FAILED_CONNECTION);
    pg_pool_close(NULL, NULL, NULL);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

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
        LOOP_TEST(test_timeout),
        LOOP_TEST(test_terminated_while_busy),
        LOOP_TEST(test_terminated_while_idle),
        LOOP_TEST(test_read_only_server_is_left),
        LOOP_TEST(test_large_both_ways),
        LOOP_TEST(test_refused_connect),
        LOOP_TEST(test_missing_socket),
        LOOP_TEST(test_silent_server),
        LOOP_TEST(test_second_host),
        LOOP_TEST(test_not_a_dsn),
        LOOP_TEST(test_close_fails_what_waits),
        LOOP_TEST(test_close_from_callback),
        LOOP_TEST(test_query_from_callback),
        LOOP_TEST(test_server_restart),
        LOOP_TEST(test_pool),
    };
    if (!getenv("MH_TEST_PG_DSN")) {
        printf("skipped: MH_TEST_PG_DSN is not set\n");
        return 77;
    }
    log_init("pg_link_test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
