#include "tests/unit/metricsctl/trace_file.h"

#include "metricsctl/trace.h"

static int load(const char *rows, size_t top, struct trace *ret_trace)
{
    char path[] = "/tmp/mh_trace_XXXXXX";

    trace_file_write(path, rows);
    int rc = trace_load("test", path, top, ret_trace);
    unlink(path);
    return rc;
}

static void test_rows(void **state)
{
    struct trace trace;

    (void)state;
    assert_int_equal(load("2024-11-15 16:57:50,TXT_2_IMG,SUCCEED,32.5,G1,63.0,,4.0,30.0,M0,1\n"
                          "2024-11-15 16:57:51,IMG_2_IMG,PENDING,0.0,G2,,,,,,0\n"
                          "2024-11-15 16:57:49,IMG_2_IMG,FAILED,3.0,G2,,,1.0,30.0,M1,0\n",
                          1, &trace),
                     0);
    assert_int_equal(trace.row_count, 3);
    assert_int_equal(trace.rows[0].line, 2);
    assert_int_equal(trace.rows[0].status, TRACE_SUCCEEDED);
    assert_int_equal(trace.rows[0].terminal_ms - trace.rows[0].requested_ms, 32500);
    assert_int_equal(trace.rows[0].units, 4);
    assert_int_equal(trace.rows[1].status, TRACE_OPEN);
    assert_int_equal(trace.rows[1].units, -1);
    assert_string_equal(trace.rows[1].model, "");
    assert_int_equal(trace.first_ms, trace.rows[2].requested_ms);
    assert_int_equal(trace.last_ms, trace.rows[0].terminal_ms);
    trace_done(&trace);
}

static void test_partners(void **state)
{
    struct trace trace;

    (void)state;
    assert_int_equal(load("2024-11-15 00:00:00,T,SUCCEED,1.0,B,,,,,,0\n"
                          "2024-11-15 00:00:00,T,SUCCEED,1.0,C,,,,,,0\n"
                          "2024-11-15 00:00:00,T,SUCCEED,1.0,C,,,,,,0\n"
                          "2024-11-15 00:00:00,T,FAILED,1.0,A,,,,,,0\n",
                          2, &trace),
                     0);
    /* The two with most successes, by code, and the rest. */
    assert_int_equal(trace.partner_count, 3);
    assert_string_equal(trace.partners[0].code, "B");
    assert_string_equal(trace.partners[1].code, "C");
    assert_string_equal(trace.partners[2].code, TRACE_OTHER);
    assert_int_equal(trace_partner_of(&trace, &trace.rows[0]), 0);
    assert_int_equal(trace_partner_of(&trace, &trace.rows[2]), 1);
    assert_int_equal(trace_partner_of(&trace, &trace.rows[3]), 2);
    trace_done(&trace);
    assert_int_equal(load("2024-11-15 00:00:00,T,SUCCEED,1.0,B,,,,,,0\n", 0, &trace), 0);
    assert_int_equal(trace.partner_count, 1);
    assert_string_equal(trace.partners[0].code, TRACE_OTHER);
    trace_done(&trace);
}

static void test_faults(void **state)
{
    static const char *const rows[] = {
        "",
        "2024-11-15 00:00:00,T,SUCCEED,1.0,B,,,,,,0,extra\n",
        "2024-13-15 00:00:00,T,SUCCEED,1.0,B,,,,,,0\n",
        "2024-11-15 00:00:00,T,DONE,1.0,B,,,,,,0\n",
        "2024-11-15 00:00:00,T,SUCCEED,-1,B,,,,,,0\n",
        "2024-11-15 00:00:00,T,SUCCEED,1.0,b,,,,,,0\n",
        "2024-11-15 00:00:00,T,SUCCEED,1.0,B,,,1.5,,,0\n",
        "2024-11-15 00:00:00,,SUCCEED,1.0,B,,,,,,0\n",
    };
    struct trace trace;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(load(rows[i], 0, &trace), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_partners),
        cmocka_unit_test(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
