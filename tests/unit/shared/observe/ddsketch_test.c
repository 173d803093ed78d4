#include "shared/observe/ddsketch.h"

#include <math.h>
#include <stdlib.h>

#include "shared/base/base.h"
#include "shared/base/memory.h"
#include "tests/unit/test.h"

#define LONGEST_MS (400LL * 86400 * 1000)

/* The promise of the sketch: a bin's value is within 1 % of everything in the bin. */
static void test_relative_error(void **state)
{
    (void)state;
    int last = 0;
    for (int64_t ms = 1; ms <= LONGEST_MS; ms += 1 + ms / 1000) {
        int bin = ddsketch_bin(ms);
        assert_in_range(bin, 0, DDSKETCH_BINS - 1);
        assert_true(bin >= last);
        last = bin;
        assert_true(fabs(ddsketch_value(bin) - (double)ms) <= 0.01 * (double)ms + 1e-6);
    }
}

/* The same numbers as ceil(ln(ms) / ln(1.01 / 0.99)) gives in SQL. */
static void test_known_bins(void **state)
{
    static const struct {
        int64_t ms;
        int bin;
    } cases[] = {{-5, 0},          {0, 0},       {1, 0},        {2, 35},         {10, 116},
                 {1000, 346},      {69586, 558}, {900000, 686}, {86400000, 914}, {LONGEST_MS, 1214},
                 {INT64_MAX, 1214}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(ddsketch_bin(cases[i].ms), cases[i].bin);
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void test_quantiles_against_sorted(void **state)
{
    static int64_t values[20000];
    static const double quantiles[] = {0, 0.5, 0.9, 0.95, 0.99, 1};
    struct ddsketch *sketch = memory_zalloc(sizeof(*sketch));
    uint64_t seed = 7; /* the same values in each run */
    const size_t last = ARRAY_LENGTH(values) - 1;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        values[i] = (int64_t)exp(5 + 8.0 * (double)(seed >> 33) / 2147483648.0);
        ddsketch_add(sketch, ddsketch_bin(values[i]), 1);
    }
    qsort(values, ARRAY_LENGTH(values), sizeof(values[0]), compare);
    for (size_t i = 0; i < ARRAY_LENGTH(quantiles); i++) {
        size_t rank = (size_t)(quantiles[i] * (double)last);
        double exact = (double)values[rank];
        assert_true(fabs(ddsketch_quantile(sketch, quantiles[i]) - exact) <= 0.01 * exact);
    }
    free(sketch);
}

static void test_corrections(void **state)
{
    struct ddsketch *sketch = memory_zalloc(sizeof(*sketch));
    (void)state;
    assert_true(ddsketch_quantile(sketch, 0.5) < 0);
    ddsketch_add(sketch, ddsketch_bin(100), 3);
    ddsketch_add(sketch, ddsketch_bin(5000), 1);
    assert_true(fabs(ddsketch_quantile(sketch, 1) - 5000) <= 50);
    assert_true(fabs(ddsketch_quantile(sketch, 0.5) - 100) <= 1);
    ddsketch_add(sketch, ddsketch_bin(5000), -1);
    assert_true(fabs(ddsketch_quantile(sketch, 1) - 100) <= 1);
    ddsketch_add(sketch, ddsketch_bin(100), -3);
    assert_int_equal(sketch->total, 0);
    assert_true(ddsketch_quantile(sketch, 0.5) < 0);
    free(sketch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relative_error),
        cmocka_unit_test(test_known_bins),
        cmocka_unit_test(test_quantiles_against_sorted),
        cmocka_unit_test(test_corrections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
