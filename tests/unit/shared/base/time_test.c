#include "shared/base/time.h"

#include <string.h>
#include <time.h>

#include "tests/unit/test.h"

static int parse(const char *text, int64_t *ret_us)
{
    return time_parse_rfc3339(text, strlen(text), ret_us);
}

static void test_accepted(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2026-11-21T12:00:00Z", 1795262400000000},
        {"2026-11-21T12:00:00.5Z", 1795262400500000},
        {"2026-11-21T12:00:00.123456789Z", 1795262400123456},
        {"2026-11-21T14:30:00+02:30", 1795262400000000},
        {"2026-11-21T02:00:00-10:00", 1795262400000000},
        {"2026-11-21T12:00:00-00:00", 1795262400000000},
        {"2000-02-29T00:00:00Z", 951782400000000},
        {"2024-02-29T00:00:00Z", 1709164800000000},
        {"1990-12-31T23:59:60Z", 662687999999999},
        {"1990-12-31T15:59:60-08:00", 662687999999999},
        {"0001-01-01T00:00:00Z", -62135596800000000},
        {"9999-12-31T23:59:59.999999Z", 253402300799999999},
        {"0000-03-01T00:00:00Z", -62162035200000000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t us = 42;
        assert_int_equal(parse(cases[i].text, &us), 0);
        assert_int_equal(us, cases[i].us);
    }
}

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T12:00:00",
        "2026-11-21T12:00Z",
        "2026-11-21T12:00:00.Z",
        "2026-11-21T12:00:00.1234567890Z",
        "2026-11-21T12:00:00,5Z",
        "2026-11-21T12:00:00+02",
        "2026-11-21T12:00:00+0200",
        "2026-11-21T12:00:00+24:00",
        "2026-11-21T12:00:00+02:60",
        "2026-11-21T12:00:00 Z",
        "2026-11-21T12:00:00ZZ",
        " 2026-11-21T12:00:00Z",
        "2026-11-21_12:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-04-00T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T12:60:00Z",
        "2026-11-21T12:00:61Z",
        "-026-11-21T12:00:00Z",
        "+026-11-21T12:00:00Z",
        "2026-11-21T12:00:0 Z",
        "12026-11-21T12:00:00Z",
        "1795262400",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        int64_t us = 42;
        assert_true(parse(cases[i], &us) < 0);
        assert_int_equal(us, 42);
    }
}

static void test_embedded_nul(void **state)
{
    static const char text[] = "2026-11-21T12:00:00Z";
    int64_t us = 42;
    (void)state;
    assert_true(time_parse_rfc3339(text, sizeof(text), &us) < 0);
    assert_int_equal(us, 42);
}

/* Every day of 800 years agrees with the C library and survives the way there and back. */
static void test_days_agree_with_libc(void **state)
{
    (void)state;
    for (int64_t day = -146097; day < 146097; day++) {
        char text[TIME_RFC3339_SIZE];
        time_t seconds = (time_t)(day * 86400 + 3723);
        struct tm utc;
        int64_t us = 0;
        assert_non_null(gmtime_r(&seconds, &utc));
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
        assert_int_equal(parse(text, &us), 0);
        assert_int_equal(us, (int64_t)seconds * 1000000);
        time_format_rfc3339(us, text);
        assert_int_equal(parse(text, &us), 0);
        assert_int_equal(us, (int64_t)seconds * 1000000);
    }
}

static void test_format(void **state)
{
    char text[TIME_RFC3339_SIZE];
    (void)state;
    time_format_rfc3339(1795262400000001, text);
    assert_string_equal(text, "2026-11-21T12:00:00.000001Z");
    time_format_rfc3339(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    time_format_rfc3339(-62135596800000000, text);
    assert_string_equal(text, "0001-01-01T00:00:00.000000Z");
    time_format_rfc3339(INT64_MAX, text); /* out of range, but inside the buffer */
    time_format_rfc3339(INT64_MIN, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_embedded_nul), cmocka_unit_test(test_days_agree_with_libc),
        cmocka_unit_test(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
