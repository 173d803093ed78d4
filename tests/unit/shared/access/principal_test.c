#include "shared/access/principal.h"

#include "tests/unit/test.h"

static const struct channel_name platform = {.kind = CHANNEL_METRICS, .platform = true};
static const struct channel_name incept = {.kind = CHANNEL_JOBS, .code = "INCEPT"};
static const struct channel_name other = {.kind = CHANNEL_JOBS, .code = "OTHER"};

/* The matrix of the requirements: who sees which class of fields. */
static void test_matrix(void **state)
{
    static const struct {
        enum role role;
        const char *text;
        uint32_t mask;
        bool cost, content, ops;
    } cases[] = {
        {ROLE_STAFF_OWNER, "staff.owner", 0xF, true, true, true},
        {ROLE_STAFF_ADMIN, "staff.admin", 0xF, true, true, true},
        {ROLE_STAFF_OPS, "staff.ops", 0x3, false, true, true},
        {ROLE_STAFF_SUPPORT, "staff.support", 0xB, false, true, false},
        {ROLE_STAFF_BILLING, "staff.billing", 0x5, true, false, false},
        {ROLE_STAFF_VIEWER, "staff.viewer", 0x1, false, false, false},
        {ROLE_PARTNER_ADMIN, "partner.admin", 0x3, false, true, false},
        {ROLE_PARTNER_MANAGER, "partner.manager", 0x3, false, true, false},
        {ROLE_PARTNER_DEVELOPER, "partner.developer", 0x3, false, true, false},
        {ROLE_PARTNER_VIEWER, "partner.viewer", 0x1, false, false, false},
    };
    (void)state;
    assert_int_equal(ARRAY_LENGTH(cases), ROLE_COUNT);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        enum role role;
        assert_int_equal(role_parse(cases[i].text, &role), 0);
        assert_int_equal(role, cases[i].role);
        assert_string_equal(role_text(role), cases[i].text);
        assert_int_equal(role_scope(role), i < 6 ? ROLE_SCOPE_STAFF : ROLE_SCOPE_PARTNER);
        assert_int_equal(role_field_mask(role), cases[i].mask);
        assert_true(role_has(role, PERMISSION_METRICS_READ));
        assert_int_equal(role_has(role, PERMISSION_METRICS_READ_COST), cases[i].cost);
        assert_int_equal(role_has(role, PERMISSION_JOBS_READ_CONTENT), cases[i].content);
        assert_int_equal(role_has(role, PERMISSION_OPS_HUB), cases[i].ops);
    }
}

/* A field class and the permission that names it may not disagree; no partner ever sees cost, and
 * nobody a secret. */
static void test_masks_follow_permissions(void **state)
{
    (void)state;
    for (int i = 0; i < ROLE_COUNT; i++) {
        enum role role = (enum role)i;
        uint32_t mask = role_field_mask(role);
        assert_int_equal((mask & FIELD_BIT(FIELD_F2)) != 0,
                         role_has(role, PERMISSION_METRICS_READ_COST));
        assert_int_equal((mask & FIELD_BIT(FIELD_F1)) != 0,
                         role_has(role, PERMISSION_JOBS_READ_CONTENT));
        assert_int_equal(mask & FIELD_BIT(FIELD_F4), 0);
        if (role_scope(role) == ROLE_SCOPE_PARTNER)
            assert_int_equal(mask & (FIELD_BIT(FIELD_F2) | FIELD_BIT(FIELD_F3)), 0);
    }
}

static void test_unknown_role(void **state)
{
    enum role role = ROLE_STAFF_VIEWER;
    (void)state;
    assert_true(role_parse("owner", &role) < 0);
    assert_true(role_parse("", &role) < 0);
    assert_true(role_parse("staff.owner ", &role) < 0);
    assert_int_equal(role, ROLE_STAFF_VIEWER);
    assert_string_equal(permission_text(PERMISSION_METRICS_READ_COST), "metrics.read_cost");
}

static void test_staff_sees_all_channels(void **state)
{
    struct principal principal = {.is_staff = true, .staff_role = ROLE_STAFF_SUPPORT};
    (void)state;
    assert_int_equal(principal_channel_mask(&principal, &platform), 0xB);
    assert_int_equal(principal_channel_mask(&principal, &incept), 0xB);
}

static void test_member_sees_own_channels(void **state)
{
    struct principal principal = {
        .partner_count = 2,
        .partners = {{"INCEPT", ROLE_PARTNER_MANAGER}, {"THIRD", ROLE_PARTNER_VIEWER}}};
    const struct channel_name third = {.kind = CHANNEL_METRICS, .code = "THIRD"};
    const struct channel_name prefix = {.kind = CHANNEL_METRICS, .code = "INC"};
    (void)state;
    assert_int_equal(principal_channel_mask(&principal, &incept), 0x3);
    assert_int_equal(principal_channel_mask(&principal, &third), 0x1);
    assert_int_equal(principal_channel_mask(&principal, &other), 0);
    assert_int_equal(principal_channel_mask(&principal, &prefix), 0);
    assert_int_equal(principal_channel_mask(&principal, &platform), 0);
}

static void test_nobody_sees_nothing(void **state)
{
    struct principal principal = {.is_staff = false};
    (void)state;
    assert_int_equal(principal_channel_mask(&principal, &platform), 0);
    assert_int_equal(principal_channel_mask(&principal, &incept), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_masks_follow_permissions),
        cmocka_unit_test(test_unknown_role),
        cmocka_unit_test(test_staff_sees_all_channels),
        cmocka_unit_test(test_member_sees_own_channels),
        cmocka_unit_test(test_nobody_sees_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
