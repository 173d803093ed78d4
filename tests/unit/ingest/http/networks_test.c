#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ingest/http/networks.h"

static bool inside(const char *networks_text, const char *address)
{
    struct networks *networks = NULL;
    assert_int_equal(networks_parse(networks_text, &networks), 0);
    bool contained = networks_contain(networks, address);
    networks_free(networks);
    return contained;
}

static void test_ipv4(void **state)
{
    (void)state;
    assert_true(inside("203.0.113.0/24", "203.0.113.255"));
    assert_false(inside("203.0.113.0/24", "203.0.114.0"));
    assert_true(inside("10.128.0.0/9", "10.255.0.1"));
    assert_false(inside("10.128.0.0/9", "10.127.255.255"));
    assert_true(inside("192.0.2.7", "192.0.2.7"));
    assert_false(inside("192.0.2.7/32", "192.0.2.6"));
    assert_true(inside("192.0.2.6/31", "192.0.2.7"));
    assert_true(inside("0.0.0.0/0", "8.8.8.8"));
    assert_false(inside("0.0.0.0/0", "2001:db8::1"));
}

static void test_ipv6(void **state)
{
    (void)state;
    assert_true(inside("2001:db8::/32", "2001:db8:ffff::1"));
    assert_false(inside("2001:db8::/32", "2001:db9::1"));
    assert_true(inside("2001:db8::8000/113", "2001:db8::ffff"));
    assert_false(inside("2001:db8::8000/113", "2001:db8::7fff"));
    assert_true(inside("::1", "::1"));
    assert_true(inside("::1/128", "0:0:0:0:0:0:0:1"));
    assert_false(inside("::/0", "192.0.2.1"));
    assert_true(inside("::/0", "fe80::1"));
    assert_false(inside("::ffff:0:0/95", "192.0.2.1"));
}

static void test_ipv4_in_its_long_form(void **state)
{
    (void)state;
    assert_true(inside("192.0.2.0/24", "::ffff:192.0.2.9"));
    assert_true(inside("::ffff:192.0.2.0/120", "192.0.2.9"));
    assert_false(inside("::ffff:192.0.2.0/120", "192.0.3.9"));
    assert_true(inside("::ffff:192.0.2.0/120", "::ffff:192.0.2.9"));
    assert_false(inside("::192.0.2.0/120", "192.0.2.9"));
}

static void test_several(void **state)
{
    (void)state;
    assert_true(inside("192.0.2.0/24 2001:db8::/32 10.0.0.1", "10.0.0.1"));
    assert_true(inside("192.0.2.0/24 2001:db8::/32 10.0.0.1", "2001:db8::1"));
    assert_false(inside("192.0.2.0/24 2001:db8::/32 10.0.0.1", "10.0.0.2"));
}

static void test_what_is_no_address_is_nowhere(void **state)
{
    (void)state;
    assert_false(inside("0.0.0.0/0 ::/0", ""));
    assert_false(inside("0.0.0.0/0 ::/0", "localhost"));
    assert_false(inside("0.0.0.0/0 ::/0", "1.2.3"));
    assert_false(inside("0.0.0.0/0 ::/0", NULL));
}

static void test_malformed(void **state)
{
    static const char *const wrong[] = {"",
                                        "x",
                                        "10.0.0.0/33",
                                        "::/129",
                                        "10.0.0.0/",
                                        "10.0.0.0/-1",
                                        "10.0.0.0/+8",
                                        "10.0.0.0/8x",
                                        "10.0.0.0/8/8",
                                        "10.0.0/8",
                                        "10.0.0.1  10.0.0.2",
                                        "10.0.0.0/99999999999999999999"};
    struct networks *networks = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_int_equal(networks_parse(wrong[i], &networks), -EINVAL);
}

static void test_bounded(void **state)
{
    char text[(NETWORKS_MAX + 1) * 16] = "";
    struct networks *networks = NULL;
    size_t length = 0;
    (void)state;
    for (unsigned i = 0; i < NETWORKS_MAX; i++)
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, "%s10.0.0.%u", i ? " " : "", i);
    assert_int_equal(networks_parse(text, &networks), 0);
    networks_free(networks);
    snprintf(text + length, sizeof(text) - length, " 10.1.0.1");
    assert_int_equal(networks_parse(text, &networks), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_ipv4_in_its_long_form),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_what_is_no_address_is_nowhere),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
