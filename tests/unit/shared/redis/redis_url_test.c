#include "shared/redis/redis_url.h"

#include <string.h>

#include "tests/unit/test.h"

static void test_accepted(void **state)
{
    static const struct {
        const char *text;
        struct redis_url url;
    } cases[] = {
        {"redis://127.0.0.1:7000", {.host = "127.0.0.1", .port = 7000}},
        {"redis://127.0.0.1", {.host = "127.0.0.1", .port = 6379}},
        {"redis://127.0.0.1/", {.host = "127.0.0.1", .port = 6379}},
        {"redis://127.0.0.1:7000/3", {.host = "127.0.0.1", .port = 7000, .database = 3}},
        {"redis://[::1]:7000/15", {.host = "::1", .port = 7000, .database = 15}},
        {"redis://[::1]", {.host = "::1", .port = 6379}},
        {"redis://me:p%40ss%3A@10.0.0.1:1",
         {.host = "10.0.0.1", .port = 1, .user = "me", .password = "p@ss:"}},
        {"redis://:pass@10.0.0.1", {.host = "10.0.0.1", .port = 6379, .password = "pass"}},
        {"redis://pass@10.0.0.1", {.host = "10.0.0.1", .port = 6379, .password = "pass"}},
        {"redis://a:b%2f@[::1]:2", {.host = "::1", .port = 2, .user = "a", .password = "b/"}},
        {"unix:///run/redis.sock", {.path = "/run/redis.sock", .port = 6379}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct redis_url url;
        assert_int_equal(redis_url_parse(cases[i].text, &url), 0);
        assert_string_equal(url.host, cases[i].url.host);
        assert_string_equal(url.path, cases[i].url.path);
        assert_string_equal(url.user, cases[i].url.user);
        assert_string_equal(url.password, cases[i].url.password);
        assert_int_equal(url.port, cases[i].url.port);
        assert_int_equal(url.database, cases[i].url.database);
    }
}

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "127.0.0.1:6379",
        "rediss://127.0.0.1",
        "redis://",
        "redis://:6379",
        "redis:///1",
        "redis://127.0.0.1:",
        "redis://127.0.0.1:x",
        "redis://127.0.0.1:65536",
        "redis://127.0.0.1/x",
        "redis://127.0.0.1/1/2",
        "redis://127.0.0.1?db=1",
        "redis://[::1",
        "redis://[]:1",
        "redis://[::1]x",
        "redis://a%4:b@127.0.0.1",
        "redis://a%:b@127.0.0.1",
        "redis://a%00:b@127.0.0.1",
        "redis://a%zz:b@127.0.0.1",
        "unix://",
        "unix://relative",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct redis_url url = {.port = 42};
        assert_true(redis_url_parse(cases[i], &url) < 0);
        assert_int_equal(url.port, 42);
    }
}

static void test_long_parts(void **state)
{
    char text[600];
    struct redis_url url;
    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "redis://", 8);
    text[8 + REDIS_URL_PART_SIZE - 1] = '\0';
    assert_int_equal(redis_url_parse(text, &url), 0);
    text[8 + REDIS_URL_PART_SIZE - 1] = 'a';
    text[8 + REDIS_URL_PART_SIZE] = '\0';
    assert_true(redis_url_parse(text, &url) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
