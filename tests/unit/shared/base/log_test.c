#include "shared/base/log.h"

#include <string.h>
#include <unistd.h>

#include "tests/unit/test.h"

/* stderr goes into a pipe while a test runs. */
static int captured, saved;

static int capture(void **state)
{
    int ends[2];
    (void)state;
    if (pipe(ends))
        return -1;
    saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    captured = ends[0];
    return 0;
}

static int release(void **state)
{
    (void)state;
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(captured);
    return 0;
}

/* What was written since; "" when nothing. */
static const char *take_output(void)
{
    static char text[8192];
    ssize_t length = 0;
    /* A byte of our own makes the read return at once. */
    assert_int_equal(write(STDERR_FILENO, "\f", 1), 1);
    do {
        ssize_t count = read(captured, text + length, sizeof(text) - 1 - (size_t)length);
        assert_true(count > 0);
        length += count;
    } while (text[length - 1] != '\f');
    text[length - 1] = '\0';
    return text;
}

static void test_line(void **state)
{
    (void)state;
    log_init("prog", LOG_LEVEL_INFO);
    log_info("hello %d", 7);
    const char *text = take_output();
    assert_memory_equal(text, "time=", 5);
    assert_non_null(strstr(text, "Z level=info program=prog pid="));
    assert_non_null(strstr(text, " message=\"hello 7\"\n"));
}

static void test_level(void **state)
{
    (void)state;
    log_init("prog", LOG_LEVEL_WARNING);
    log_info("no");
    log_debug("no");
    assert_string_equal(take_output(), "");
    log_error("yes");
    assert_non_null(strstr(take_output(), "level=error"));
}

static void test_message_cannot_forge_a_line(void **state)
{
    (void)state;
    log_init("prog", LOG_LEVEL_INFO);
    log_info("%s", "a\nlevel=error \"x\" \\ \x1b[31m");
    const char *text = take_output();
    assert_non_null(strstr(text, "message=\"a\\nlevel=error \\\"x\\\" \\\\ \\x1b[31m\"\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void test_long_message_is_one_line(void **state)
{
    (void)state;
    char message[4000];
    memset(message, '"', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    log_init("prog", LOG_LEVEL_INFO);
    log_info("%s", message);
    const char *text = take_output();
    assert_true(strlen(text) <= 2048);
    assert_string_equal(text + strlen(text) - 2, "\"\n");
}

static void test_limited(void **state)
{
    (void)state;
    struct log_limit limit = {.interval_ms = 3600000};
    log_init("prog", LOG_LEVEL_INFO);
    for (int i = 0; i < 5; i++)
        log_limited(&limit, LOG_LEVEL_INFO, "again %d", i);
    const char *text = take_output();
    assert_non_null(strstr(text, "again 0\""));
    assert_null(strstr(text, "again 1"));
    limit.interval_ms = 0; /* as if the time had passed */
    log_limited(&limit, LOG_LEVEL_INFO, "more");
    assert_non_null(strstr(take_output(), "\"more (4 more held back)\""));
}

static void test_level_names(void **state)
{
    (void)state;
    enum log_level level = LOG_LEVEL_INFO;
    assert_int_equal(log_level_parse("debug", &level), 0);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_true(log_level_parse("loud", &level) < 0);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, capture, release),
        cmocka_unit_test_setup_teardown(test_level, capture, release),
        cmocka_unit_test_setup_teardown(test_message_cannot_forge_a_line, capture, release),
        cmocka_unit_test_setup_teardown(test_long_message_is_one_line, capture, release),
        cmocka_unit_test_setup_teardown(test_limited, capture, release),
        cmocka_unit_test(test_level_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
