#include "shared/redis/redis_url.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

static void assert_same(const struct redis_url *url, const struct redis_url *wanted)
{
    assert_int_equal(url->address_count, wanted->address_count);
    for (size_t i = 0; i < url->address_count; i++) {
        assert_string_equal(url->addresses[i].host, wanted->addresses[i].host);
        assert_int_equal(url->addresses[i].port, wanted->addresses[i].port);
    }
    assert_string_equal(url->path, wanted->path);
    assert_string_equal(url->user, wanted->user);
    assert_string_equal(url->password, wanted->password);
    assert_int_equal(url->database, wanted->database);
    assert_string_equal(url->master, wanted->master);
    assert_string_equal(url->sentinel_user, wanted->sentinel_user);
    assert_string_equal(url->sentinel_password, wanted->sentinel_password);
}

#define AT(host, port) .addresses = {{host, port}}, .address_count = 1

static void test_accepted(void **state)
{
    static const struct {
        const char *text;
        struct redis_url url;
    } cases[] = {
        {"redis://127.0.0.1:7000", {AT("127.0.0.1", 7000)}},
        {"redis://127.0.0.1", {AT("127.0.0.1", 6379)}},
        {"redis://127.0.0.1/", {AT("127.0.0.1", 6379)}},
        {"redis://127.0.0.1:7000/3", {AT("127.0.0.1", 7000), .database = 3}},
        {"redis://[::1]:7000/15", {AT("::1", 7000), .database = 15}},
        {"redis://[::1]", {AT("::1", 6379)}},
        {"redis://me:p%40ss%3A@10.0.0.1:1", {AT("10.0.0.1", 1), .user = "me", .password = "p@ss:"}},
        {"redis://:pass@10.0.0.1", {AT("10.0.0.1", 6379), .password = "pass"}},
        {"redis://pass@10.0.0.1", {AT("10.0.0.1", 6379), .password = "pass"}},
        {"redis://a:b%2f@[::1]:2", {AT("::1", 2), .user = "a", .password = "b/"}},
        {"unix:///run/redis.sock", {.path = "/run/redis.sock"}},
        {"redis+sentinel://10.0.0.1/main", {AT("10.0.0.1", 26379), .master = "main"}},
        {"redis+sentinel://10.0.0.1:1/main/", {AT("10.0.0.1", 1), .master = "main"}},
        {"redis+sentinel://u:p@10.0.0.1:1,[::1]:2,10.0.0.3/a%2Fb/7?sentinel=s:q%3A",
         {.addresses = {{"10.0.0.1", 1}, {"::1", 2}, {"10.0.0.3", 26379}},
          .address_count = 3,
          .user = "u",
          .password = "p",
          .database = 7,
          .master = "a/b",
          .sentinel_user = "s",
          .sentinel_password = "q:"}},
        {"redis+sentinel://10.0.0.1/main?sentinel=q",
         {AT("10.0.0.1", 26379), .master = "main", .sentinel_password = "q"}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct redis_url url;
        assert_int_equal(redis_url_parse(cases[i].text, &url), 0);
        assert_same(&url, &cases[i].url);
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
        "redis://localhost", /* looking it up would block */
        "redis://127.0.0.1:",
        "redis://127.0.0.1:x",
        "redis://127.0.0.1:65536",
        "redis://127.0.0.1,127.0.0.2",
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
        "redis+sentinel://",
        "redis+sentinel://127.0.0.1",
        "redis+sentinel://127.0.0.1/",
        "redis+sentinel:///main",
        "redis+sentinel://127.0.0.1,/main",
        "redis+sentinel://,127.0.0.1/main",
        "redis+sentinel://127.0.0.1,one/main",
        "redis+sentinel://127.0.0.1/main/x",
        "redis+sentinel://127.0.0.1/main?",
        "redis+sentinel://127.0.0.1/main?other=1",
        "redis+sentinel://127.0.0.1/main?sentinel=%",
        ("redis+sentinel://1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
         "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1/main"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct redis_url url = {.database = 42};
        assert_true(redis_url_parse(cases[i], &url) < 0);
        assert_int_equal(url.database, 42);
    }
}

/* A part of the largest size, and one byte more. */
static void test_long_parts(void **state)
{
    char text[600], password[REDIS_URL_PART_SIZE + 1] = {0};
    struct redis_url url;
    (void)state;
    memset(password, 'a', REDIS_URL_PART_SIZE - 1);
    (void)snprintf(text, sizeof(text), "redis://%s@127.0.0.1", password);
    assert_int_equal(redis_url_parse(text, &url), 0);
    assert_string_equal(url.password, password);
    password[REDIS_URL_PART_SIZE - 1] = 'a';
    (void)snprintf(text, sizeof(text), "redis://%s@127.0.0.1", password);
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
