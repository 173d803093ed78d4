#include "shared/observe/prometheus.h"

#include <math.h>

#include "tests/unit/test.h"

static void assert_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, "", 1);
    assert_string_equal(buffer->data, text);
    buffer_done(buffer);
}

static void test_counter_and_gauge(void **state)
{
    struct buffer out = BUFFER_INIT;
    (void)state;
    prometheus_counter(&out, "a_total", "Things.", UINT64_MAX);
    prometheus_gauge(&out, "b", "Level.", 3);
    prometheus_gauge(&out, "c", "Part.", 0.25);
    prometheus_gauge(&out, "d", "None.", NAN);
    prometheus_gauge(&out, "e", "Much.", INFINITY);
    assert_text(&out, "# HELP a_total Things.\n# TYPE a_total counter\n"
                      "a_total 18446744073709551615\n"
                      "# HELP b Level.\n# TYPE b gauge\nb 3\n"
                      "# HELP c Part.\n# TYPE c gauge\nc 0.25\n"
                      "# HELP d None.\n# TYPE d gauge\nd NaN\n"
                      "# HELP e Much.\n# TYPE e gauge\ne +Inf\n");
}

static void test_histogram(void **state)
{
    struct buffer out = BUFFER_INIT;
    struct prometheus_histogram histogram = {
        .name = "h_seconds", .help = "Time.", .bound_count = 2, .bounds = {0.1, 1}};
    (void)state;
    prometheus_observe(&histogram, 0.05);
    prometheus_observe(&histogram, 0.1); /* a bound belongs to its bucket */
    prometheus_observe(&histogram, 0.5);
    prometheus_observe(&histogram, 8);
    prometheus_histogram_write(&out, &histogram);
    assert_text(&out, "# HELP h_seconds Time.\n# TYPE h_seconds histogram\n"
                      "h_seconds_bucket{le=\"0.1\"} 2\n"
                      "h_seconds_bucket{le=\"1\"} 3\n"
                      "h_seconds_bucket{le=\"+Inf\"} 4\n"
                      "h_seconds_sum 8.6500000000000004\n"
                      "h_seconds_count 4\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter_and_gauge),
        cmocka_unit_test(test_histogram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
