#include "tests/unit/test.h"

#include <string.h>

#include "ingest/events/schedule.h"

#define MAX_EVENTS 10

/* Groups named by a letter, in the order in which they were added; two runs. */
struct bench {
    struct schedule schedule;
    struct schedule_run runs[2];
    struct event_group groups[64];
    char names[64];
    unsigned count;
    char text[128]; /* of the last look */
};

static void bench_init(struct bench *bench)
{
    memset(bench, 0, sizeof(*bench));
    schedule_init(&bench->schedule);
    schedule_run_init(&bench->runs[0]);
    schedule_run_init(&bench->runs[1]);
}

static void add(struct bench *bench, char name, int32_t partner, uint32_t events)
{
    struct event_group *group = &bench->groups[bench->count];
    bench->names[bench->count++] = name;
    group->partner_id = partner;
    group->pending = events;
    list_init(&group->link);
    schedule_add(&bench->schedule, group);
}

static const char *look(struct bench *bench, const struct list *groups)
{
    size_t length = 0;
    LIST_FOR_EACH(link, next, groups)
    bench->text[length++] = bench->names[LIST_ITEM(link, struct event_group, link) - bench->groups];
    bench->text[length] = '\0';
    return bench->text;
}

static const char *fill(struct bench *bench, unsigned run)
{
    schedule_fill(&bench->schedule, &bench->runs[run], MAX_EVENTS);
    return look(bench, &bench->runs[run].groups);
}

static const char *release(struct bench *bench, unsigned run)
{
    struct list groups;
    list_init(&groups);
    schedule_release(&bench->schedule, &bench->runs[run], &groups);
    const char *text = look(bench, &groups);
    while (!list_empty(&groups))
        list_remove(groups.next);
    return text;
}

static void assert_idle(const struct bench *bench)
{
    assert_null(bench->schedule.partners);
    assert_true(list_empty(&bench->schedule.ready));
    assert_int_equal(bench->schedule.waiting_events, 0);
    assert_int_equal(bench->schedule.ready_events, 0);
}

static void test_one_run_takes_all(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    add(&bench, 'a', 1, 2);
    add(&bench, 'b', 2, 1);
    add(&bench, 'c', 1, 1);
    assert_int_equal(bench.schedule.ready_events, 4);
    assert_string_equal(fill(&bench, 0), "acb");
    assert_int_equal(bench.runs[0].events, 4);
    assert_int_equal(bench.schedule.waiting_events, 0);
    assert_string_equal(release(&bench, 0), "acb");
    assert_idle(&bench);
}

static void test_partner_is_in_one_run(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    add(&bench, 'a', 1, 1);
    assert_string_equal(fill(&bench, 0), "a");
    add(&bench, 'b', 1, 3);
    add(&bench, 'c', 2, 1);
    assert_int_equal(bench.schedule.waiting_events, 4);
    assert_int_equal(bench.schedule.ready_events, 1);
    assert_string_equal(fill(&bench, 1), "c");
    assert_int_equal(bench.schedule.ready_events, 0);
    assert_string_equal(release(&bench, 0), "a");
    assert_int_equal(bench.schedule.ready_events, 3);
    assert_string_equal(fill(&bench, 0), "b");
    (void)release(&bench, 0);
    (void)release(&bench, 1);
    assert_idle(&bench);
}

/* A partner that has more than a run takes is behind the others next time. */
static void test_partners_take_turns(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    for (unsigned i = 0; i < 5; i++)
        add(&bench, "abcde"[i], 1, 4);
    add(&bench, 'x', 2, 1);
    assert_string_equal(fill(&bench, 0), "ab");
    (void)release(&bench, 0);
    assert_string_equal(fill(&bench, 0), "xcd");
    (void)release(&bench, 0);
    assert_string_equal(fill(&bench, 0), "e");
    (void)release(&bench, 0);
    assert_idle(&bench);
}

static void test_a_large_group_runs(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    add(&bench, 'a', 1, 1);
    add(&bench, 'b', 1, 5 * MAX_EVENTS);
    assert_string_equal(fill(&bench, 0), "a");
    (void)release(&bench, 0);
    assert_string_equal(fill(&bench, 0), "b");
    (void)release(&bench, 0);
    assert_idle(&bench);
}

static void test_failed_run_goes_one_by_one(void **state)
{
    struct bench bench;
    (void)state;
    bench_init(&bench);
    add(&bench, 'a', 1, 1);
    add(&bench, 'b', 2, 1);
    add(&bench, 'c', 1, 1);
    assert_string_equal(fill(&bench, 0), "acb");
    add(&bench, 'd', 1, 1);
    schedule_return(&bench.schedule, &bench.runs[0]);
    assert_int_equal(bench.schedule.ready_events, 4);
    static const char *const expected[] = {"a", "b", "c", "d"};
    for (unsigned i = 0; i < ARRAY_LENGTH(expected); i++) {
        assert_string_equal(fill(&bench, 0), expected[i]);
        (void)release(&bench, 0);
    }
    assert_idle(&bench);
}

static void test_clear(void **state)
{
    struct bench bench;
    struct list groups;
    (void)state;
    bench_init(&bench);
    list_init(&groups);
    add(&bench, 'a', 1, 1);
    (void)fill(&bench, 0);
    add(&bench, 'b', 1, 1);
    add(&bench, 'c', 2, 1);
    schedule_clear(&bench.schedule, &groups);
    assert_string_equal(look(&bench, &groups), "bc");
    assert_int_equal(bench.schedule.waiting_events, 0);
    assert_int_equal(bench.schedule.ready_events, 0);
    assert_string_equal(release(&bench, 0), "a");
    assert_idle(&bench);
}

/* Repeatable, so that a failure is too. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 16;
}

/* Whatever comes in whatever order: a partner's groups run once each, in order, in one run at a
 * time. */
static void test_any_order(void **state)
{
    (void)state;
    uint32_t random;
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct bench bench;
        unsigned added = 0, done[4] = {0};
        bench_init(&bench);
        random = seed;
        while (added < 64 || bench.schedule.partners) {
            unsigned run = next_random(&random) % 2;
            if (added < 64 && next_random(&random) % 2) {
                add(&bench, 'x', (int32_t)(added % 4), 1 + next_random(&random) % 12);
                added++;
            } else if (list_empty(&bench.runs[run].groups)) {
                (void)fill(&bench, run);
            } else if (next_random(&random) % 4 == 0) {
                schedule_return(&bench.schedule, &bench.runs[run]);
            } else {
                LIST_FOR_EACH(link, next, &bench.runs[run].groups)
                {
                    long index = LIST_ITEM(link, struct event_group, link) - bench.groups;
                    assert_int_equal(index / 4, done[index % 4]++);
                }
                (void)release(&bench, run);
            }
        }
        assert_idle(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_run_takes_all),
        cmocka_unit_test(test_partner_is_in_one_run),
        cmocka_unit_test(test_partners_take_turns),
        cmocka_unit_test(test_a_large_group_runs),
        cmocka_unit_test(test_failed_run_goes_one_by_one),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
