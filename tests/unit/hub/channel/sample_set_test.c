#include "tests/unit/test.h"

#include "hub/channel/sample_set.h"

static int64_t values[SAMPLE_SET_CAPACITY];

static void holds_what_it_is_given(void **unused)
{
    (void)unused;
    struct sample_set set;
    size_t count = 0;
    sample_set_init(&set);
    sample_set_add(&set, 10, 100, 2);
    sample_set_add(&set, 12, 50, 1);
    sample_set_add(&set, 11, 75, 1);
    assert_true(sample_set_since(&set, 11, values, &count));
    assert_int_equal(count, 2);
    sample_set_add(&set, 10, 100, -1);
    assert_true(sample_set_since(&set, 0, values, &count));
    assert_int_equal(count, 3);
    sample_set_done(&set);
}

static void knows_where_it_ends(void **unused)
{
    (void)unused;
    struct sample_set set;
    size_t count = 0;
    sample_set_init(&set);
    for (int64_t i = 0; i < SAMPLE_SET_CAPACITY; i++)
        sample_set_add(&set, i, i, 1);
    assert_true(sample_set_since(&set, 0, values, &count));
    assert_int_equal(count, SAMPLE_SET_CAPACITY);
    sample_set_add(&set, 5000, 1, 1); /* pushes minute 0 out */
    assert_false(sample_set_since(&set, 0, values, &count));
    assert_true(sample_set_since(&set, 1, values, &count));
    assert_int_equal(count, SAMPLE_SET_CAPACITY);
    sample_set_add(&set, 0, 1, 1); /* too old to be held */
    assert_int_equal(set.count, SAMPLE_SET_CAPACITY);
    sample_set_done(&set);
}

/* Two samples in one minute, one of which had to go: that minute is no longer complete. */
static void a_cut_minute_is_incomplete(void **unused)
{
    (void)unused;
    struct sample_set set;
    size_t count = 0;
    sample_set_init(&set);
    sample_set_add(&set, 7, 1, SAMPLE_SET_CAPACITY);
    sample_set_add(&set, 8, 1, 1);
    assert_false(sample_set_since(&set, 7, values, &count));
    assert_true(sample_set_since(&set, 8, values, &count));
    assert_int_equal(count, 1);
    sample_set_done(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(holds_what_it_is_given),
                                       cmocka_unit_test(knows_where_it_ends),
                                       cmocka_unit_test(a_cut_minute_is_incomplete)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
