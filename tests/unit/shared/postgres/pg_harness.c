#include "tests/unit/shared/postgres/pg_harness.h"

#include <stdio.h>
#include <string.h>

#include "shared/base/log.h"

uv_loop_t test_loop;
struct pg_link *link_under_test;
unsigned link_ups, link_downs;
bool link_closed;

static unsigned answers;

void on_state(void *owner, struct pg_link *link, enum pg_link_state state)
{
    (void)owner;
    (void)link;
    link_ups += state == PG_LINK_UP;
    link_downs += state == PG_LINK_DOWN;
}

void on_closed(void *owner)
{
    (void)owner;
    link_closed = true;
}

void on_result(void *owner, const struct pg_result *result)
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

bool is_up(void *what)
{
    (void)what;
    return pg_link_state(link_under_test) == PG_LINK_UP;
}

bool is_down(void *what)
{
    (void)what;
    return pg_link_state(link_under_test) == PG_LINK_DOWN;
}

bool is_done(void *what)
{
    return ((struct answer *)what)->done;
}

bool is_closed(void *what)
{
    (void)what;
    return link_closed;
}

bool was_down_twice(void *what)
{
    (void)what;
    return link_downs >= 2;
}

bool was_up_twice(void *what)
{
    (void)what;
    return link_ups >= 2;
}

int set_up(void **state)
{
    (void)state;
    answers = link_ups = link_downs = 0;
    link_closed = false;
    link_under_test = NULL;
    return uv_loop_init(&test_loop);
}

int tear_down(void **state)
{
    (void)state;
    return loop_end(&test_loop);
}

void open_link(const char *dsn, uint32_t max_queue, uint32_t connect_timeout_ms)
{
    const struct pg_link_options options = {.dsn = dsn,
                                            .name = "unit-test",
                                            .max_queue = max_queue,
                                            .connect_timeout_ms = connect_timeout_ms,
                                            .on_state = on_state};
    assert_int_equal(pg_link_open(&test_loop, &options, &link_under_test), 0);
    assert_int_equal(pg_link_state(link_under_test), PG_LINK_CONNECTING);
}

void open_up(void)
{
    open_link(getenv("MH_TEST_PG_DSN"), 100, 0);
    loop_wait(&test_loop, is_up, NULL);
}

void close_link(void)
{
    pg_link_close(link_under_test, on_closed, NULL);
    loop_wait(&test_loop, is_closed, NULL);
}

int ask(const char *name, const char *statement, const struct pg_param *params, int count,
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

void ask_and_wait(const char *statement, struct answer *answer)
{
    assert_int_equal(ask(NULL, statement, NULL, 0, answer), 0);
    loop_wait(&test_loop, is_done, answer);
}

void assert_answer(const struct answer *answer, const char *text)
{
    assert_string_equal(answer->message, "");
    assert_int_equal(answer->failure, PG_OK);
    assert_string_equal(answer->text, text);
}

bool server_named(void)
{
    log_init("pg_test", LOG_LEVEL_ERROR);
    if (getenv("MH_TEST_PG_DSN"))
        return true;
    printf("skipped: MH_TEST_PG_DSN is not set\n");
    return false;
}
