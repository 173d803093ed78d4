#include "tests/unit/metricsctl/trace_file.h"

#include "metricsctl/plan.h"
#include "shared/base/buffer.h"

#define ROWS 4000

static struct trace trace;

static int set_up(void **state)
{
    char path[] = "/tmp/mh_plan_XXXXXX";
    struct buffer rows = BUFFER_INIT;

    (void)state;
    for (int i = 0; i < ROWS; i++)
        buffer_printf(&rows, "2024-11-15 %02d:%02d:00,T,%s,5.0,G%d,,,,,,0\n", i / 60 % 24, i % 60,
                      i % 100 == 0 ? "PENDING" : "SUCCEED", i % 7);
    buffer_append(&rows, "", 1);
    trace_file_write(path, rows.data);
    buffer_done(&rows);
    int rc = trace_load("test", path, 3, &trace);
    unlink(path);
    return rc;
}

static int tear_down(void **state)
{
    (void)state;
    trace_done(&trace);
    return 0;
}

static void test_plain_plan(void **state)
{
    struct plan plan;

    (void)state;
    plan_make(&trace, false, 1, &plan);
    assert_int_equal(plan.event_count, 2 * ROWS - ROWS / 100);
    assert_int_equal(plan.delivery_count, plan.event_count);
    for (size_t i = 0; i < plan.lane_count; i++)
        for (size_t j = 1; j < plan.lanes[i].count; j++)
            assert_true(plan.lanes[i].deliveries[j - 1].due_ms <=
                        plan.lanes[i].deliveries[j].due_ms);
    plan_done(&plan);
}

/* Whatever the chaos does, each event is delivered whole at least once, in its partner's lane. */
static void test_chaos_loses_nothing(void **state)
{
    struct plan plan;
    static unsigned whole[2 * ROWS];
    size_t twice = 0, damaged = 0, total = 0;

    (void)state;
    memset(whole, 0, sizeof(whole));
    plan_make(&trace, true, 7, &plan);
    for (size_t i = 0; i < plan.lane_count; i++)
        for (size_t j = 0; j < plan.lanes[i].count; j++) {
            const struct delivery *delivery = &plan.lanes[i].deliveries[j];
            assert_int_equal(trace_partner_of(&trace, &trace.rows[delivery->event / 2]), i);
            damaged += delivery->damage != DAMAGE_NONE;
            whole[delivery->event] += delivery->damage == DAMAGE_NONE;
        }
    for (size_t event = 0; event < 2 * ROWS; event++) {
        bool exists = event % 2 == 0 || trace.rows[event / 2].status != TRACE_OPEN;
        assert_in_range(whole[event], exists, exists ? 2 : 0);
        twice += whole[event] == 2;
        total += exists;
    }
    assert_in_range(twice, total / 25, total / 15);
    assert_in_range(damaged, 1, total / 300);
    assert_int_equal(plan.delivery_count, total + twice + damaged);
    plan_done(&plan);
}

static void test_a_seed_is_a_plan(void **state)
{
    struct plan first, again, other;
    size_t same = 0;

    (void)state;
    plan_make(&trace, true, 7, &first);
    plan_make(&trace, true, 7, &again);
    plan_make(&trace, true, 8, &other);
    assert_int_equal(first.lanes[0].count, again.lanes[0].count);
    assert_memory_equal(first.lanes[0].deliveries, again.lanes[0].deliveries,
                        first.lanes[0].count * sizeof(struct delivery));
    for (size_t i = 0; i < first.lanes[0].count && i < other.lanes[0].count; i++)
        same += first.lanes[0].deliveries[i].event == other.lanes[0].deliveries[i].event;
    assert_true(same < first.lanes[0].count);
    plan_done(&first);
    plan_done(&again);
    plan_done(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_plan),
        cmocka_unit_test(test_chaos_loses_nothing),
        cmocka_unit_test(test_a_seed_is_a_plan),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
