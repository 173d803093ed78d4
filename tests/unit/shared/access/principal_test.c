#include "shared/access/principal.h"

#include <stdio.h>

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

static void set_role(struct principal *principal, const char *code, enum role role)
{
    struct principal_partner *partner = &principal->partners[principal->partner_count++];
    snprintf(partner->code, sizeof(partner->code), "%s", code);
    partner->role = role;
    partner->permissions = role_permissions(role);
}

static void test_staff_sees_all_channels(void **state)
{
    struct principal principal = {.is_staff = true,
                                  .staff_role = ROLE_STAFF_SUPPORT,
                                  .permissions = role_permissions(ROLE_STAFF_SUPPORT)};
    (void)state;
    assert_int_equal(principal_channel_mask(&principal, &platform), 0xB);
    assert_int_equal(principal_channel_mask(&principal, &incept), 0xB);
}

static void test_member_sees_own_channels(void **state)
{
    struct principal principal = {.partner_count = 0};
    const struct channel_name third = {.kind = CHANNEL_METRICS, .code = "THIRD"};
    const struct channel_name prefix = {.kind = CHANNEL_METRICS, .code = "INC"};
    (void)state;
    set_role(&principal, "INCEPT", ROLE_PARTNER_MANAGER);
    set_role(&principal, "THIRD", ROLE_PARTNER_VIEWER);
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

/* A custom role takes fields from its role and channels from its holder. */
static void test_custom_roles_narrow(void **state)
{
    struct principal staff = {.is_staff = true, .staff_role = ROLE_STAFF_OWNER};
    (void)state;
    assert_int_equal(principal_channel_mask(&staff, &platform), 0);
    staff.permissions = PERMISSION_BIT(PERMISSION_METRICS_READ);
    assert_int_equal(principal_channel_mask(&staff, &platform), 0x1);
    staff.permissions |= PERMISSION_BIT(PERMISSION_METRICS_READ_COST);
    assert_int_equal(principal_channel_mask(&staff, &platform), 0x5);
    staff.permissions |= PERMISSION_BIT(PERMISSION_JOBS_READ_CONTENT);
    assert_int_equal(principal_channel_mask(&staff, &platform), 0x7);
    staff.permissions |= PERMISSION_BIT(PERMISSION_USERS_READ_PERSONAL);
    assert_int_equal(principal_channel_mask(&staff, &platform), 0xF);
    assert_int_equal(principal_channel_mask(&staff, &incept), 0xF);
}

static void test_logs_of_a_permission(void **state)
{
    static const struct channel_name audit = {.kind = CHANNEL_AUDIT, .platform = true};
    static const struct channel_name audit_incept = {.kind = CHANNEL_AUDIT, .code = "INCEPT"};
    static const struct channel_name keys = {.kind = CHANNEL_KEYS, .code = "INCEPT"};
    static const struct channel_name keys_other = {.kind = CHANNEL_KEYS, .code = "OTHER"};
    static const struct channel_name wallet = {.kind = CHANNEL_WALLET, .code = "INCEPT"};
    static const struct channel_name wallet_other = {.kind = CHANNEL_WALLET, .code = "OTHER"};
    static const struct channel_name control = {.kind = CHANNEL_CONTROL, .platform = true};
    (void)state;
    for (int i = 0; i < ROLE_COUNT; i++) {
        enum role role = (enum role)i;
        struct principal principal = {.partner_count = 0};
        bool staff = role_scope(role) == ROLE_SCOPE_STAFF;
        if (staff) {
            principal.is_staff = true;
            principal.staff_role = role;
            principal.permissions = role_permissions(role);
        } else {
            set_role(&principal, "INCEPT", role);
        }
        uint32_t reads_audit = role_has(role, PERMISSION_AUDIT_READ) ? 0x1 : 0;
        uint32_t reads_keys = role_has(role, PERMISSION_KEYS_READ) ? 0x1 : 0;
        uint32_t reads_balance = role_has(role, PERMISSION_WALLET_BALANCE) ? 0x1 : 0;
        assert_int_equal(principal_channel_mask(&principal, &audit), staff ? reads_audit : 0);
        assert_int_equal(principal_channel_mask(&principal, &audit_incept), reads_audit);
        assert_int_equal(principal_channel_mask(&principal, &keys), reads_keys);
        assert_int_equal(principal_channel_mask(&principal, &keys_other), staff ? reads_keys : 0);
        assert_int_equal(principal_channel_mask(&principal, &wallet), reads_balance);
        assert_int_equal(principal_channel_mask(&principal, &wallet_other),
                         staff ? reads_balance : 0);
        assert_int_equal(principal_channel_mask(&principal, &control), 0);
    }
}

static void test_system_is_everybodys(void **state)
{
    static const struct channel_name name = {.kind = CHANNEL_SYSTEM, .platform = true};
    struct principal staff = {.is_staff = true, .staff_role = ROLE_STAFF_VIEWER};
    struct principal member = {.partner_count = 0};
    (void)state;
    assert_int_equal(principal_channel_mask(&staff, &name), 0x1);
    set_role(&member, "INCEPT", ROLE_PARTNER_VIEWER);
    assert_int_equal(principal_channel_mask(&member, &name), 0x1);
    snprintf(member.impersonator, sizeof(member.impersonator), "usr_9");
    assert_int_equal(principal_channel_mask(&member, &name), 0x1);
}

static void test_impersonators_have_no_threads(void **state)
{
    static const struct channel_name thread = {.kind = CHANNEL_THREAD, .id = "thr_1"};
    struct principal principal = {.partner_count = 0};
    (void)state;
    assert_int_equal(principal_channel_mask(&principal, &thread), 0);
    set_role(&principal, "INCEPT", ROLE_PARTNER_MANAGER);
    assert_int_equal(principal_channel_mask(&principal, &thread), 0x3);
    snprintf(principal.impersonator, sizeof(principal.impersonator), "usr_9");
    assert_int_equal(principal_channel_mask(&principal, &thread), 0);
    assert_int_equal(principal_channel_mask(&principal, &incept), 0x3);
    principal.impersonator[0] = '\0';
    principal.partners[0].permissions &= ~PERMISSION_BIT(PERMISSION_MESSAGES_READ);
    assert_int_equal(principal_channel_mask(&principal, &thread), 0);
}

static void test_same_access(void **state)
{
    struct principal a = {.user_id = "u", .session_id = "s"}, b = a;
    (void)state;
    set_role(&a, "INCEPT", ROLE_PARTNER_MANAGER);
    set_role(&a, "THIRD", ROLE_PARTNER_VIEWER);
    set_role(&b, "THIRD", ROLE_PARTNER_VIEWER);
    assert_false(principal_same_access(&a, &b));
    set_role(&b, "INCEPT", ROLE_PARTNER_MANAGER);
    assert_true(principal_same_access(&a, &b));
    a.expires_ms = a.issued_ms = a.auth_ms = 1;
    assert_true(principal_same_access(&a, &b));
    b.partners[1].suspended = true;
    assert_false(principal_same_access(&a, &b));
    b.partners[1].suspended = false;
    b.partners[0].permissions &= ~PERMISSION_BIT(PERMISSION_DOCS_READ);
    assert_false(principal_same_access(&a, &b));
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
        cmocka_unit_test(test_custom_roles_narrow),
        cmocka_unit_test(test_logs_of_a_permission),
        cmocka_unit_test(test_system_is_everybodys),
        cmocka_unit_test(test_impersonators_have_no_threads),
        cmocka_unit_test(test_same_access),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
