#include "shared/access/channel_name.h"

#include <string.h>

#include "tests/unit/test.h"

static int parse(const char *text, struct channel_name *ret_name)
{
    return channel_name_parse(text, strlen(text), ret_name);
}

static void test_accepted(void **state)
{
    struct channel_name name;
    (void)state;
    assert_int_equal(parse("metrics:platform", &name), 0);
    assert_int_equal(name.kind, CHANNEL_METRICS);
    assert_true(name.platform);
    assert_string_equal(name.code, "");
    assert_int_equal(parse("jobs:platform", &name), 0);
    assert_int_equal(name.kind, CHANNEL_JOBS);
    assert_int_equal(parse("jobs:partner:INCEPT-2_A", &name), 0);
    assert_false(name.platform);
    assert_string_equal(name.code, "INCEPT-2_A");
    assert_int_equal(parse("metrics:partner:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", &name), 0);
    assert_int_equal(strlen(name.code), 32);
    assert_int_equal(parse("audit:platform", &name), 0);
    assert_int_equal(name.kind, CHANNEL_AUDIT);
    assert_true(name.platform);
    assert_int_equal(parse("audit:partner:INCEPT", &name), 0);
    assert_string_equal(name.code, "INCEPT");
    assert_int_equal(parse("keys:partner:INCEPT", &name), 0);
    assert_int_equal(name.kind, CHANNEL_KEYS);
    assert_int_equal(parse("wallet:partner:INCEPT", &name), 0);
    assert_int_equal(name.kind, CHANNEL_WALLET);
    assert_int_equal(parse("system", &name), 0);
    assert_int_equal(name.kind, CHANNEL_SYSTEM);
}

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "",
        ":",
        "metrics",
        "metrics:",
        "metrics:platform:",
        "metrics:platformX",
        "metrics:platformpartner:INCEPT",
        "metrics: platform",
        " metrics:platform",
        "Metrics:platform",
        "metrics:partner",
        "metrics:partner:",
        "metrics:partner:incept",
        "metrics:partner:INCEPT:x",
        "metrics:partner:IN CEPT",
        "metrics:partner:INC\xc3\x89PT",
        "metrics:partner:*",
        "metrics:partner:ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456",
        "alerts:platform",
        "feed:partner:INCEPT",
        "metrics:jobs:platform",
        "keys:platform",
        "keys:partner:",
        "wallet:platform",
        "audit:",
        "ctl:authz",
        "session:self",
        "system:",
        "system:platform",
        "systems",
        "syste",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct channel_name name = {.code = "KEPT"};
        assert_true(parse(cases[i], &name) < 0);
        assert_string_equal(name.code, "KEPT");
    }
}

static void test_embedded_nul(void **state)
{
    static const char text[] = "metrics:partner:INCEPT";
    struct channel_name name;
    (void)state;
    assert_true(channel_name_parse(text, sizeof(text), &name) < 0);
}

static void test_partner_code(void **state)
{
    (void)state;
    assert_true(partner_code_valid("A", 1));
    assert_true(partner_code_valid("A-_9", 4));
    assert_false(partner_code_valid("", 0));
    assert_false(partner_code_valid("a", 1));
    assert_false(partner_code_valid("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456", 33));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_embedded_nul),
        cmocka_unit_test(test_partner_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
