#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/access/principal_json.h"

static int parse(const char *json, struct principal *principal)
{
    return session_principal_parse(json, strlen(json), principal);
}

#define START "{\"user\":\"usr_1\",\"session\":\"ses_1\",\"name\":\"N\",\"expires_ms\":5,"

static void test_kinds(void **state)
{
    struct principal principal;
    (void)state;
    assert_int_equal(parse(START "\"staff\":\"ops\"}", &principal), 0);
    assert_true(principal.is_staff);
    assert_int_equal(principal.staff_role, ROLE_STAFF_OPS);
    assert_int_equal(parse(START
                           "\"partners\":[{\"code\":\"A\",\"name\":\"x\",\"role\":\"manager\"},"
                           "{\"code\":\"B\",\"role\":\"viewer\"}]}",
                           &principal),
                     0);
    assert_false(principal.is_staff);
    assert_int_equal(principal.partner_count, 2);
    assert_string_equal(principal.partners[1].code, "B");
    assert_int_equal(principal.partners[1].role, ROLE_PARTNER_VIEWER);
    assert_int_equal(principal.expires_ms, 5);
}

static void test_access(void **state)
{
    struct principal principal;
    (void)state;
    assert_int_equal(
        parse(START "\"staff\":\"ops\",\"auth_ms\":7,\"impersonator\":null}", &principal), 0);
    assert_true(principal.permissions == role_permissions(ROLE_STAFF_OPS));
    assert_int_equal(principal.auth_ms, 7);
    assert_string_equal(principal.impersonator, "");
    assert_int_equal(parse(START
                           "\"staff\":\"ops\",\"permissions\":[\"ops.hub\",\"wallet.grant\"]}",
                           &principal),
                     0);
    assert_true(principal.permissions == PERMISSION_BIT(PERMISSION_OPS_HUB));
    assert_int_equal(
        parse(START "\"impersonator\":{\"id\":\"usr_9\",\"name\":\"x\"},\"partners\":["
                    "{\"code\":\"A\",\"role\":\"admin\",\"permissions\":[],\"suspended\":true},"
                    "{\"code\":\"B\",\"role\":\"viewer\"}]}",
              &principal),
        0);
    assert_string_equal(principal.impersonator, "usr_9");
    assert_true(principal.partners[0].permissions == 0);
    assert_true(principal.partners[0].suspended);
    assert_true(principal.partners[1].permissions == role_permissions(ROLE_PARTNER_VIEWER));
}

static void test_refused(void **state)
{
    static const char *const wrong[] = {
        START "\"staff\":\"ops\",\"permissions\":{}}",
        START "\"staff\":\"ops\",\"permissions\":[5]}",
        START "\"staff\":\"ops\",\"impersonator\":{\"id\":5}}",
        "",
        "{}",
        "[]",
        START "\"staff\":\"manager\"}",
        START "\"staff\":5}",
        START "\"partners\":[{\"code\":\"A\",\"role\":\"owner\"}]}",
        START "\"partners\":[{\"role\":\"viewer\"}]}",
        "{\"user\":\"usr_1\",\"session\":\"ses_1\",\"name\":\"N\",\"staff\":\"owner\"}",
        "{\"user\":5,\"session\":\"ses_1\",\"expires_ms\":5,\"staff\":\"owner\"}",
    };
    struct principal principal = {.expires_ms = 77};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        if (parse(wrong[i], &principal) != -EINVAL)
            fail_msg("taken: %s", wrong[i]);
    assert_int_equal(principal.expires_ms, 77);
}

static void test_long_name_is_cut_between_characters(void **state)
{
    struct principal principal;
    char name[201], json[512];
    (void)state;
    for (size_t i = 0; i < 100; i++)
        memcpy(name + 2 * i, "\xc3\xbc", 2);
    name[200] = '\0';
    snprintf(json, sizeof(json),
             "{\"user\":\"usr_1\",\"session\":\"ses_1\",\"expires_ms\":5,\"staff\":\"owner\","
             "\"name\":\"x%s\"}",
             name);
    assert_int_equal(parse(json, &principal), 0);
    assert_int_equal(strlen(principal.name), 127);
    principal.name[0] = ' ';
    for (size_t i = 1; i < 127; i += 2)
        assert_int_equal((unsigned char)principal.name[i], 0xc3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_name_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
