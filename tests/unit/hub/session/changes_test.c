#include "hub/session/changes.h"

#include <stdio.h>

#include "tests/unit/test.h"

#define NOW_MS INT64_C(1800000000000)

static struct changes changes;

static int set_up(void **state)
{
    (void)state;
    changes_init(&changes);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    changes_done(&changes);
    return 0;
}

static void what_is_not_known_is_doubted(void **state)
{
    (void)state;
    assert_true(changes_doubt(&changes, "usr_1", NOW_MS));
    changes_reach_back(&changes, NOW_MS - CHANGES_KEEP_MS);
    assert_false(changes_doubt(&changes, "usr_1", NOW_MS));
    assert_true(changes_doubt(&changes, "usr_1", NOW_MS - CHANGES_KEEP_MS));
    assert_true(changes_doubt(&changes, "usr_1", 0));
    changes_reset(&changes);
    assert_true(changes_doubt(&changes, "usr_1", NOW_MS));
}

static void tokens_from_before_a_change_are_doubted(void **state)
{
    (void)state;
    changes_reach_back(&changes, NOW_MS - CHANGES_KEEP_MS);
    changes_note(&changes, "usr_1", NOW_MS);
    assert_true(changes_doubt(&changes, "usr_1", NOW_MS - 60000));
    assert_true(changes_doubt(&changes, "usr_1", NOW_MS + CHANGES_SKEW_MS));
    assert_false(changes_doubt(&changes, "usr_1", NOW_MS + CHANGES_SKEW_MS + 1));
    assert_false(changes_doubt(&changes, "usr_2", NOW_MS - 60000));
    changes_note(&changes, "usr_1", NOW_MS + 60000);
    assert_true(changes_doubt(&changes, "usr_1", NOW_MS + 50000));
}

static void those_of_a_round_are_named(void **state)
{
    (void)state;
    changes_note(&changes, "usr_1", NOW_MS);
    assert_true(changes_named(&changes, "usr_1"));
    assert_false(changes_named(&changes, "usr_2"));
    changes_next_round(&changes);
    assert_false(changes_named(&changes, "usr_1"));
    changes_note(&changes, "usr_1", NOW_MS + 1);
    assert_true(changes_named(&changes, "usr_1"));
}

static void what_is_old_goes(void **state)
{
    (void)state;
    changes_reach_back(&changes, NOW_MS);
    changes_note(&changes, "usr_1", NOW_MS + 10);
    changes_note(&changes, "usr_2", NOW_MS + 60000);
    changes_forget(&changes, NOW_MS + CHANGES_KEEP_MS + 10);
    assert_int_equal(changes.count, 2);
    changes_forget(&changes, NOW_MS + CHANGES_KEEP_MS + CHANGES_SKEW_MS + 11);
    assert_int_equal(changes.count, 1);
    /* A token of that time is asked about, whosever it is. */
    assert_true(changes_doubt(&changes, "usr_1", NOW_MS + 10));
    assert_true(changes_doubt(&changes, "usr_3", NOW_MS + 10));
    assert_true(changes_doubt(&changes, "usr_2", NOW_MS + 60000));
}

/* The oldest makes room, and the memory says that it reaches back less far. */
static void memory_is_bounded(void **state)
{
    (void)state;
    changes_reach_back(&changes, NOW_MS - CHANGES_KEEP_MS);
    for (int i = 0; i <= CHANGES_MAX_USERS; i++) {
        char user[40];
        (void)snprintf(user, sizeof(user), "usr_%d", i);
        changes_note(&changes, user, NOW_MS + i);
    }
    assert_int_equal(changes.count, CHANGES_MAX_USERS);
    assert_true(changes_doubt(&changes, "usr_0", NOW_MS));
    assert_true(changes_doubt(&changes, "usr_other", NOW_MS));
    assert_false(changes_doubt(&changes, "usr_0", NOW_MS + CHANGES_SKEW_MS + 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_known_is_doubted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tokens_from_before_a_change_are_doubted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(those_of_a_round_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_old_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
