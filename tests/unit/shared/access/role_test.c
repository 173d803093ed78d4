#include "shared/access/role.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

/* The table itself, read here by other code than that which made the header of it. */

#define MAX_COLUMNS 16
#define LINE_SIZE 512

static char header[LINE_SIZE];
static char *roles[MAX_COLUMNS];
static size_t role_count;

/* Cuts `line` at its tabs; the number of columns. */
static size_t columns_of(char *line, char *columns[MAX_COLUMNS])
{
    size_t n = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *rest = line; rest != NULL && n < MAX_COLUMNS; n++)
        columns[n] = strsep(&rest, "\t");
    return n;
}

static FILE *open_table(void)
{
    FILE *file = fopen(MH_PERMISSIONS, "re");
    assert_non_null(file);
    return file;
}

/* The next line that says something, cut up; 0 at the end. */
static size_t next(FILE *file, char line[LINE_SIZE], char *columns[MAX_COLUMNS])
{
    while (fgets(line, LINE_SIZE, file)) {
        assert_non_null(strchr(line, '\n'));
        if (line[0] != '#')
            return columns_of(line, columns);
    }
    return 0;
}

static FILE *after_header(void)
{
    char *columns[MAX_COLUMNS];
    FILE *file = open_table();
    size_t n = next(file, header, columns);
    assert_int_equal(n, ROLE_COUNT + 2);
    assert_string_equal(columns[0], "permission");
    role_count = n - 2;
    memcpy(roles, columns + 1, role_count * sizeof(*roles));
    return file;
}

static uint32_t mask_of(const char *digits)
{
    uint32_t mask = 0;
    for (; *digits; digits++)
        mask |= 1u << (*digits - '0');
    return mask;
}

static void check_fields(char *columns[MAX_COLUMNS])
{
    for (size_t i = 0; i < role_count; i++) {
        enum role role;
        assert_int_equal(role_parse(roles[i], &role), 0);
        assert_string_equal(role_text(role), roles[i]);
        assert_int_equal(role_field_mask(role), mask_of(columns[i + 1]));
        assert_int_equal(role_scope(role), strncmp(roles[i], "staff.", 6) == 0
                                               ? ROLE_SCOPE_STAFF
                                               : ROLE_SCOPE_PARTNER);
    }
}

static void check_permission(char *columns[MAX_COLUMNS], uint64_t sets[MAX_COLUMNS])
{
    enum permission permission;
    if (permission_parse(columns[0], &permission) != 0)
        fail_msg("C does not know %s", columns[0]);
    assert_string_equal(permission_text(permission), columns[0]);
    for (size_t i = 0; i < role_count; i++) {
        enum role role;
        bool has = strcmp(columns[i + 1], "x") == 0;
        assert_int_equal(role_parse(roles[i], &role), 0);
        if (role_has(role, permission) != has)
            fail_msg("%s %s: %d in C, %d in the table", roles[i], columns[0], !has, has);
        if (has)
            sets[i] |= PERMISSION_BIT(permission);
    }
}

static void test_every_role_and_permission(void **state)
{
    char line[LINE_SIZE], *columns[MAX_COLUMNS];
    uint64_t sets[MAX_COLUMNS] = {0};
    size_t permissions = 0, n;
    FILE *file = after_header();
    (void)state;
    while ((n = next(file, line, columns)) > 0) {
        assert_int_equal(n, ROLE_COUNT + 2);
        if (strcmp(columns[0], "fields") == 0) {
            check_fields(columns);
        } else {
            check_permission(columns, sets);
            permissions++;
        }
    }
    (void)fclose(file);
    assert_int_equal(permissions, PERMISSION_COUNT);
    for (size_t i = 0; i < role_count; i++) {
        enum role role;
        assert_int_equal(role_parse(roles[i], &role), 0);
        assert_true(role_permissions(role) == sets[i]);
    }
}

static void test_unknown_names(void **state)
{
    enum permission permission = PERMISSION_OPS_HUB;
    enum role role = ROLE_STAFF_VIEWER;
    (void)state;
    assert_true(permission_parse("metrics.read ", &permission) < 0);
    assert_true(permission_parse("METRICS_READ", &permission) < 0);
    assert_true(permission_parse("", &permission) < 0);
    assert_true(permission_parse("*", &permission) < 0);
    assert_int_equal(permission, PERMISSION_OPS_HUB);
    assert_true(role_parse("partner.owner", &role) < 0);
    assert_true(role_parse("none", &role) < 0);
    assert_int_equal(role, ROLE_STAFF_VIEWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_role_and_permission),
        cmocka_unit_test(test_unknown_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
