/* Connections that are lost, refused or silent. Needs a Postgres that may be thrown away:
 * MH_TEST_PG_DSN. With MH_TEST_PG_RESTART, a shell command that kills and starts it again, its
 * death is tested too. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/postgres/pg_link.h"
#include "tests/unit/shared/postgres/pg_harness.h"

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
    loop_wait(&test_loop, is_done, &waiting);
    assert_int_equal(slow.failure, PG_FAILED_CONNECTION);
    assert_string_equal(slow.message, "a query took too long");
    assert_int_equal(waiting.failure, PG_FAILED_CONNECTION);
    assert_int_equal(pg_link_state(link_under_test), PG_LINK_DOWN);
    loop_wait(&test_loop, is_up, NULL);
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
    loop_wait(&test_loop, is_done, &first);
    assert_int_equal(ask("fatal", "select pg_terminate_backend(pg_backend_pid())", NULL, 0, &fatal),
                     0);
    assert_int_equal(ask("again", "select 'prepared'", NULL, 0, &waiting), 0);
    loop_wait(&test_loop, is_done, &waiting);
    assert_int_equal(fatal.failure, PG_FAILED_CONNECTION);
    assert_string_equal(fatal.sqlstate, "57P01");
    assert_int_equal(waiting.failure, PG_FAILED_CONNECTION);
    assert_int_equal(ask("again", "select 'prepared'", NULL, 0, &first), -ENOTCONN);
    loop_wait(&test_loop, is_up, NULL);
    assert_int_equal(ask("again", "select 'prepared'", NULL, 0, &first), 0);
    loop_wait(&test_loop, is_done, &first);
    assert_answer(&first, "prepared");
    assert_int_equal(link_ups, 2);
    assert_int_equal(link_downs, 1);
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
    link_closed = false;
    if (pg_link_state(victim) == PG_LINK_UP && link_downs == 0)
        loop_wait(&test_loop, is_down, NULL);
    loop_wait(&test_loop, is_up, NULL);
    assert_int_equal(link_downs, 1);
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
    loop_wait(&test_loop, was_up_twice, NULL);
    ask_and_wait("show default_transaction_read_only", &answer);
    assert_answer(&answer, "off");
    close_link();
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
    loop_wait(&test_loop, was_down_twice, NULL);
    assert_int_equal(link_ups, 0);
    close_link();
    close(reserved);
}

static void test_missing_socket(void **state)
{
    (void)state;
    open_link("host=/nonexistent user=x dbname=x", 1, 0);
    loop_wait(&test_loop, was_down_twice, NULL);
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
    loop_wait(&test_loop, was_down_twice, NULL);
    assert_int_equal(link_ups, 0);
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
    loop_wait(&test_loop, is_up, NULL);
    assert_int_equal(link_downs, 0);
    close_link();
    close(reserved);
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
    loop_wait(&test_loop, is_done, &lost);
    assert_int_equal(lost.failure, PG_FAILED_CONNECTION);
    loop_wait(&test_loop, was_up_twice, NULL);
    ask_and_wait("select 'back'", &answer);
    assert_answer(&answer, "back");
    close_link();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_timeout),
        LOOP_TEST(test_terminated_while_busy),
        LOOP_TEST(test_terminated_while_idle),
        LOOP_TEST(test_read_only_server_is_left),
        LOOP_TEST(test_refused_connect),
        LOOP_TEST(test_missing_socket),
        LOOP_TEST(test_silent_server),
        LOOP_TEST(test_second_host),
        LOOP_TEST(test_server_restart),
    };
    return RUN_WITH_SERVER(tests);
}
