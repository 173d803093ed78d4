#include "tests/unit/test.h"

#include <stdlib.h>

#include "hub/channel/open_jobs.h"
#include "tests/unit/hub/random.h"

static void oldest_and_stuck(void **unused)
{
    (void)unused;
    struct open_jobs jobs;
    open_jobs_init(&jobs);
    assert_int_equal(open_jobs_oldest(&jobs), -1);
    open_jobs_add(&jobs, 100, 2);
    open_jobs_add(&jobs, 50, 1);
    open_jobs_advance(&jobs, 100);
    assert_int_equal(open_jobs_oldest(&jobs), 50);
    assert_int_equal(jobs.stuck, 1);
    open_jobs_advance(&jobs, 101);
    assert_int_equal(jobs.stuck, 3);
    open_jobs_add(&jobs, 50, -1);
    assert_int_equal(jobs.stuck, 2);
    assert_int_equal(open_jobs_oldest(&jobs), 100);
    open_jobs_add(&jobs, 40, 1); /* stuck from the start */
    assert_int_equal(jobs.stuck, 3);
    open_jobs_done(&jobs);
}

/* Against a plain array, with seconds emptied and filled again and again. */
static void agrees_with_a_plain_count(void **unused)
{
    (void)unused;
    enum { SECONDS = 200 };
    int64_t plain[SECONDS] = {0};
    struct open_jobs jobs;
    open_jobs_init(&jobs);
    random_seed(7);
    for (int step = 0; step < 20000; step++) {
        int second = random_next() % SECONDS;
        int64_t n = plain[second] && random_next() % 2 ? -1 : 1;
        plain[second] += n;
        open_jobs_add(&jobs, second, n);
        open_jobs_advance(&jobs, step / 200);
        int64_t stuck = 0, oldest = -1;
        for (int i = SECONDS - 1; i >= 0; i--) {
            if (plain[i])
                oldest = i;
            if (i < step / 200)
                stuck += plain[i];
        }
        assert_int_equal(jobs.stuck, stuck);
        assert_int_equal(open_jobs_oldest(&jobs), oldest);
    }
    open_jobs_done(&jobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(oldest_and_stuck),
                                       cmocka_unit_test(agrees_with_a_plain_count)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
