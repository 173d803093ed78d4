/* What the tests of links and pools share: one loop, one link, and what has been heard of it. */
#ifndef MH_PG_HARNESS_H
#define MH_PG_HARNESS_H

#include "shared/postgres/pg_link.h"
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

extern uv_loop_t test_loop;
extern struct pg_link *link_under_test;
extern unsigned link_ups, link_downs;
extern bool link_closed;

/* Callbacks of links and queries; the owner of on_result is a struct answer. */
void on_state(void *owner, struct pg_link *link, enum pg_link_state state);
void on_closed(void *owner);
void on_result(void *owner, const struct pg_result *result);

/* What to wait for; is_done wants a struct answer. */
bool is_up(void *what);
bool is_down(void *what);
bool is_done(void *what);
bool is_closed(void *what);
bool was_down_twice(void *what);
bool was_up_twice(void *what);

int set_up(void **state);
/* Fails when something was left on the loop. */
int tear_down(void **state);
#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

void open_link(const char *dsn, uint32_t max_queue, uint32_t connect_timeout_ms);
/* To the server of the environment, and waits until it is up. */
void open_up(void);
void close_link(void);
int ask(const char *name, const char *statement, const struct pg_param *params, int count,
        struct answer *answer);
void ask_and_wait(const char *statement, struct answer *answer);
void assert_answer(const struct answer *answer, const char *text);

/* main() of a test that needs the server; skips without one. */
#define RUN_WITH_SERVER(tests)                                                                     \
    (server_named() ? cmocka_run_group_tests(tests, NULL, NULL) : TEST_SKIPPED)
#define TEST_SKIPPED 77
bool server_named(void);

#endif
