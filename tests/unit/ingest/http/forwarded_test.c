#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "ingest/http/forwarded.h"

static void assert_client(const char *trusted_text, const char *peer, const char *chain,
                          const char *expected)
{
    char out[NETWORKS_ADDRESS_SIZE];
    struct networks *trusted = NULL;
    assert_int_equal(forwarded_parse_trusted(trusted_text, &trusted), 0);
    assert_string_equal(forwarded_client(trusted, peer, chain, out), expected);
    networks_free(trusted);
}

static void test_nobody_is_trusted(void **state)
{
    (void)state;
    assert_client("", "10.0.0.1", "192.0.2.1", "10.0.0.1");
    assert_client(" , ", "10.0.0.1", "192.0.2.1", "10.0.0.1");
    assert_client("10.0.0.2", "10.0.0.1", "192.0.2.1", "10.0.0.1");
    assert_client("10.0.0.2", "", "192.0.2.1", "");
}

static void test_the_rightmost_that_is_no_proxy(void **state)
{
    (void)state;
    assert_client("10.0.0.1", "10.0.0.1", "192.0.2.1", "192.0.2.1");
    assert_client("10.0.0.1", "10.0.0.1", "198.51.100.7, 192.0.2.1", "192.0.2.1");
    assert_client("10.0.0.1", "10.0.0.1", "198.51.100.7, 10.0.0.2", "10.0.0.2");
    assert_client("10.0.0.0/8", "10.0.0.1", "198.51.100.7,192.0.2.1 ,\t10.0.0.2", "192.0.2.1");
    assert_client("10.0.0.0/8,::1", "::1", "192.0.2.1,10.0.0.2,10.0.0.3", "192.0.2.1");
    assert_client("10.0.0.0/8", "10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3");
}

static void test_one_way_to_write_it(void **state)
{
    (void)state;
    assert_client("10.0.0.1", "10.0.0.1", "2001:DB8:0::1", "2001:db8::1");
    assert_client("10.0.0.1", "::ffff:10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1");
}

/* Who writes rubbish at the left must not become the proxy. */
static void test_what_is_not_looked_at(void **state)
{
    (void)state;
    assert_client("10.0.0.1", "10.0.0.1", "unknown, 192.0.2.1", "192.0.2.1");
    assert_client("10.0.0.1", "10.0.0.1", ",,,192.0.2.1", "192.0.2.1");
}

static void test_malformed(void **state)
{
    static const char *const wrong[] = {"",
                                        " ",
                                        "unknown",
                                        "192.0.2.1:443",
                                        "[2001:db8::1]",
                                        "192.0.2.1,",
                                        "192.0.2.1,,10.0.0.1",
                                        "192.0.2",
                                        "192.0.2.1 192.0.2.2",
                                        "unknown, 10.0.0.2",
                                        "fe80::1%eth0",
                                        "0000:0000:0000:0000:0000:ffff:0192.0000.0002.0001"};
    (void)state;
    assert_client("10.0.0.0/8", "10.0.0.1", NULL, "10.0.0.1");
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_client("10.0.0.0/8", "10.0.0.1", wrong[i], "10.0.0.1");
}

static void test_the_setting(void **state)
{
    struct networks *trusted = NULL;
    (void)state;
    assert_client("10.0.0.0/8, 2001:db8::/32,192.0.2.7", "2001:db8::5", "198.51.100.7",
                  "198.51.100.7");
    assert_client("10.0.0.0/8, 2001:db8::/32,192.0.2.7", "192.0.2.7", "198.51.100.7",
                  "198.51.100.7");
    assert_int_equal(forwarded_parse_trusted("10.0.0.0/8,proxy", &trusted), -EINVAL);
    assert_int_equal(forwarded_parse_trusted("10.0.0.0/40", &trusted), -EINVAL);
    assert_null(trusted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_is_trusted),
        cmocka_unit_test(test_the_rightmost_that_is_no_proxy),
        cmocka_unit_test(test_one_way_to_write_it),
        cmocka_unit_test(test_what_is_not_looked_at),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_the_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
