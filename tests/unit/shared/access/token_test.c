#include "shared/access/token.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER_SECRET "0123456789abcdef0123456789abcdeX"
#define NOW_MS 1800000000000LL
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define STAFF                                                                                      \
    "{\"iss\":\"metrics-hub\",\"sub\":\"usr_1\",\"sid\":\"ses_1\",\"name\":\"Ada\","               \
    "\"iat\":1800000000,\"exp\":1800000600,\"staff\":\"owner\"}"

static void append_base64(char *out, size_t size, const void *bytes, size_t length)
{
    size_t used = strlen(out);
    sodium_bin2base64(out + used, size - used, bytes, length,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void append_text(char *out, size_t size, const char *text)
{
    size_t used = strlen(out);
    snprintf(out + used, size - used, "%s", text);
}

/* A token as an attacker with or without the secret would build it. */
static const char *forge(const char *header, const char *claims, const char *secret)
{
    static char token[65536];
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    token[0] = '\0';
    append_base64(token, sizeof(token), header, strlen(header));
    append_text(token, sizeof(token), ".");
    append_base64(token, sizeof(token), claims, strlen(claims));
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)token, strlen(token));
    crypto_auth_hmacsha256_final(&state, mac);
    append_text(token, sizeof(token), ".");
    append_base64(token, sizeof(token), mac, sizeof(mac));
    return token;
}

static enum token_fault verify(const char *token, struct principal *ret_principal)
{
    return token_verify(token, strlen(token), SECRET, strlen(SECRET), NOW_MS, ret_principal);
}

static enum token_fault verify_claims(const char *claims)
{
    struct principal principal;
    return verify(forge(HEADER, claims, SECRET), &principal);
}

static void test_staff_round_trip(void **state)
{
    struct principal principal = {.user_id = "usr_abc",
                                  .session_id = "ses_def",
                                  .name = "Ada \"L\" \xc3\xa9",
                                  .is_staff = true,
                                  .staff_role = ROLE_STAFF_BILLING,
                                  .permissions = role_permissions(ROLE_STAFF_BILLING),
                                  .expires_ms = NOW_MS + 600000};
    struct principal parsed;
    char *token = NULL;
    (void)state;
    assert_int_equal(token_sign(&principal, SECRET, strlen(SECRET), NOW_MS, &token), 0);
    assert_int_equal(verify(token, &parsed), TOKEN_VALID);
    assert_string_equal(parsed.user_id, "usr_abc");
    assert_string_equal(parsed.session_id, "ses_def");
    assert_string_equal(parsed.name, principal.name);
    assert_true(parsed.is_staff);
    assert_int_equal(parsed.staff_role, ROLE_STAFF_BILLING);
    assert_int_equal(parsed.partner_count, 0);
    assert_int_equal(parsed.expires_ms, NOW_MS + 600000);
    free(token);
}

static void test_member_round_trip(void **state)
{
    struct principal principal = {.user_id = "usr_abc",
                                  .session_id = "ses_def",
                                  .partner_count = PRINCIPAL_MAX_PARTNERS,
                                  .expires_ms = NOW_MS + 600000};
    struct principal parsed;
    char *token = NULL;
    (void)state;
    for (size_t i = 0; i < PRINCIPAL_MAX_PARTNERS; i++) {
        snprintf(principal.partners[i].code, CHANNEL_CODE_SIZE, "P%zu", i);
        principal.partners[i].role = i % 2 ? ROLE_PARTNER_VIEWER : ROLE_PARTNER_ADMIN;
        principal.partners[i].permissions = role_permissions(principal.partners[i].role);
    }
    assert_int_equal(token_sign(&principal, SECRET, strlen(SECRET), NOW_MS, &token), 0);
    assert_int_equal(verify(token, &parsed), TOKEN_VALID);
    assert_false(parsed.is_staff);
    assert_string_equal(parsed.name, "");
    assert_int_equal(parsed.partner_count, PRINCIPAL_MAX_PARTNERS);
    for (size_t i = 0; i < PRINCIPAL_MAX_PARTNERS; i++) {
        struct channel_name channel = {.kind = CHANNEL_JOBS};
        snprintf(channel.code, sizeof(channel.code), "P%zu", i);
        assert_int_equal(principal_channel_mask(&parsed, &channel), i % 2 ? 0x1 : 0x3);
    }
    free(token);
}

static void round_trip(const struct principal *principal, struct principal *ret_principal)
{
    char *token = NULL;
    assert_int_equal(token_sign(principal, SECRET, strlen(SECRET), NOW_MS, &token), 0);
    assert_int_equal(verify(token, ret_principal), TOKEN_VALID);
    assert_true(principal_same_access(principal, ret_principal));
    free(token);
}

static void test_custom_roles_round_trip(void **state)
{
    struct principal parsed;
    struct principal staff = {.user_id = "usr_a",
                              .session_id = "ses_a",
                              .is_staff = true,
                              .staff_role = ROLE_STAFF_OPS,
                              .permissions = PERMISSION_BIT(PERMISSION_METRICS_READ),
                              .expires_ms = NOW_MS + 600000};
    struct principal member = {
        .user_id = "usr_a",
        .session_id = "ses_a",
        .impersonator = "usr_b",
        .expires_ms = NOW_MS + 600000,
        .issued_ms = NOW_MS - 1234,
        .auth_ms = NOW_MS - 60000,
        .partner_count = 2,
        .partners = {{"A", true, ROLE_PARTNER_ADMIN, 0},
                     {"B", false, ROLE_PARTNER_VIEWER, role_permissions(ROLE_PARTNER_VIEWER)}}};
    (void)state;
    round_trip(&staff, &parsed);
    assert_int_equal(parsed.issued_ms, NOW_MS);
    assert_int_equal(parsed.auth_ms, 0);
    round_trip(&member, &parsed);
    assert_string_equal(parsed.impersonator, "usr_b");
    assert_int_equal(parsed.issued_ms, NOW_MS - 1234);
    assert_int_equal(parsed.auth_ms, NOW_MS - 60000);
}

/* One that nobody would take is not given out. */
static void test_too_many_permissions(void **state)
{
    static struct principal principal = {
        .user_id = "u", .session_id = "s", .expires_ms = NOW_MS + 600000};
    char *token = NULL;
    (void)state;
    for (size_t i = 0; i < PRINCIPAL_MAX_PARTNERS; i++) {
        struct principal_partner *partner = &principal.partners[principal.partner_count++];
        snprintf(partner->code, CHANNEL_CODE_SIZE, "P%zu", i);
        partner->role = ROLE_PARTNER_ADMIN;
        partner->permissions =
            role_permissions(ROLE_PARTNER_ADMIN) & ~PERMISSION_BIT(PERMISSION_DOCS_READ);
    }
    assert_true(token_sign(&principal, SECRET, 32, NOW_MS, &token) < 0);
    assert_null(token);
}

static void test_forged_staff_is_valid(void **state)
{
    struct principal principal;
    (void)state; /* the ground on which the refusals below stand */
    assert_int_equal(verify(forge(HEADER, STAFF, SECRET), &principal), TOKEN_VALID);
    assert_int_equal(principal.staff_role, ROLE_STAFF_OWNER);
    assert_true(principal.permissions == role_permissions(ROLE_STAFF_OWNER));
    assert_int_equal(principal.issued_ms, NOW_MS);
}

static void test_algorithms(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\",\"typ\":\"JWT\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"none\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"alg\":\"none\"}",
        "{\"alg\":\"HS256\",\"crit\":[\"x\"]}",
        "{\"alg\":256}",
        "{\"typ\":\"JWT\"}",
        "[]",
        "\"HS256\"",
        "x",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        struct principal principal;
        assert_int_equal(verify(forge(headers[i], STAFF, SECRET), &principal), TOKEN_INVALID);
        char unsigned_token[4096];
        snprintf(unsigned_token, sizeof(unsigned_token), "%s", forge(headers[i], STAFF, SECRET));
        strrchr(unsigned_token, '.')[1] = '\0';
        assert_int_equal(verify(unsigned_token, &principal), TOKEN_INVALID);
    }
}

static void test_signature(void **state)
{
    struct principal principal = {.user_id = "kept"};
    (void)state;
    assert_int_equal(verify(forge(HEADER, STAFF, OTHER_SECRET), &principal), TOKEN_INVALID);
    assert_int_equal(verify(forge(HEADER, STAFF, ""), &principal), TOKEN_INVALID);
    assert_string_equal(principal.user_id, "kept");

    char token[4096];
    snprintf(token, sizeof(token), "%s", forge(HEADER, STAFF, SECRET));
    for (size_t i = 0; token[i]; i++) {
        char saved = token[i];
        token[i] = saved == 'A' ? 'B' : 'A';
        /* The last character of a part may hold bits that decode to nothing. */
        if (token[i + 1] && token[i + 1] != '.')
            assert_int_equal(verify(token, &principal), TOKEN_INVALID);
        token[i] = saved;
    }
    assert_int_equal(verify(token, &principal), TOKEN_VALID);
}

static void test_shape(void **state)
{
    static const char *const cases[] = {
        "",      ".",        "..",      "a.b",          "a.b.c.d",
        "a.b.c", "=.e30.YQ", "e30.e30", "e30.e30.YQ==", " e30.e30.YQ"};
    struct principal principal;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(verify(cases[i], &principal), TOKEN_INVALID);

    char token[4096];
    snprintf(token, sizeof(token), "%s.", forge(HEADER, STAFF, SECRET));
    assert_int_equal(verify(token, &principal), TOKEN_INVALID);
    token[strlen(token) - 1] = '\0';
    assert_int_equal(token_verify(token, strlen(token) + 1, SECRET, 32, NOW_MS, &principal),
                     TOKEN_INVALID);
    assert_int_equal(token_verify(token, strlen(token), SECRET, 31, NOW_MS, &principal),
                     TOKEN_INVALID);
}

static void test_too_long(void **state)
{
    static char claims[TOKEN_MAX_BYTES + 512];
    (void)state;
    size_t used =
        (size_t)snprintf(claims, sizeof(claims), "%.*s,\"x\":\"", (int)strlen(STAFF) - 1, STAFF);
    memset(claims + used, 'x', TOKEN_MAX_BYTES);
    memcpy(claims + used + TOKEN_MAX_BYTES, "\"}", 3);
    assert_int_equal(verify_claims(claims), TOKEN_INVALID);
}

#define CLAIMS(times, rest)                                                                        \
    "{\"iss\":\"metrics-hub\",\"sub\":\"usr_1\",\"sid\":\"ses_1\",\"name\":\"\"," times "," rest "}"
#define TIMES "\"iat\":1800000000,\"exp\":1800000600"

static void test_times(void **state)
{
    static const struct {
        const char *claims;
        enum token_fault fault;
    } cases[] = {
        {CLAIMS("\"iat\":1800000005,\"exp\":1800000600", "\"staff\":\"owner\""), TOKEN_VALID},
        {CLAIMS("\"iat\":1800000006,\"exp\":1800000600", "\"staff\":\"owner\""), TOKEN_INVALID},
        {CLAIMS("\"iat\":1700000000,\"exp\":1799999996", "\"staff\":\"owner\""), TOKEN_VALID},
        {CLAIMS("\"iat\":1700000000,\"exp\":1799999995", "\"staff\":\"owner\""), TOKEN_EXPIRED},
        {CLAIMS("\"iat\":1700000000,\"exp\":0", "\"staff\":\"owner\""), TOKEN_EXPIRED},
        {CLAIMS("\"iat\":1700000000,\"exp\":-1", "\"staff\":\"owner\""), TOKEN_INVALID},
        {CLAIMS("\"iat\":1700000000,\"exp\":9223372036854775807", "\"staff\":\"owner\""),
         TOKEN_INVALID},
        {CLAIMS("\"iat\":1700000000,\"exp\":1800000600.5", "\"staff\":\"owner\""), TOKEN_INVALID},
        {CLAIMS("\"iat\":1700000000,\"exp\":\"1800000600\"", "\"staff\":\"owner\""), TOKEN_INVALID},
        {CLAIMS("\"exp\":1800000600", "\"staff\":\"owner\""), TOKEN_INVALID},
        {CLAIMS("\"iat\":1700000000", "\"staff\":\"owner\""), TOKEN_INVALID},
        {CLAIMS(TIMES ",\"nbf\":1800000006", "\"staff\":\"owner\""), TOKEN_INVALID},
        {CLAIMS(TIMES ",\"nbf\":1800000000", "\"staff\":\"owner\""), TOKEN_VALID},
        {CLAIMS(TIMES ",\"nbf\":\"x\"", "\"staff\":\"owner\""), TOKEN_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(verify_claims(cases[i].claims), cases[i].fault);
}

static void test_roles(void **state)
{
    static const char *const refused[] = {
        CLAIMS(TIMES, "\"x\":1"),
        CLAIMS(TIMES, "\"staff\":\"owner\",\"partners\":{\"INCEPT\":\"manager\"}"),
        CLAIMS(TIMES, "\"staff\":\"king\""),
        CLAIMS(TIMES, "\"staff\":\"\""),
        CLAIMS(TIMES, "\"staff\":null"),
        CLAIMS(TIMES, "\"staff\":true"),
        CLAIMS(TIMES, "\"staff\":\"manager\""),
        CLAIMS(TIMES, "\"staff\":\"ownerownerownerownerownerownerowner\""),
        CLAIMS(TIMES, "\"partners\":{}"),
        CLAIMS(TIMES, "\"partners\":[]"),
        CLAIMS(TIMES, "\"partners\":{\"INCEPT\":\"owner\"}"),
        CLAIMS(TIMES, "\"partners\":{\"INCEPT\":1}"),
        CLAIMS(TIMES, "\"partners\":{\"incept\":\"manager\"}"),
        CLAIMS(TIMES, "\"partners\":{\"\":\"manager\"}"),
        CLAIMS(TIMES, "\"partners\":{\"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456\":\"manager\"}"),
        CLAIMS(TIMES, "\"partners\":{\"A\":\"manager\",\"B\":\"owner\"}"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        assert_int_equal(verify_claims(refused[i]), TOKEN_INVALID);
    assert_int_equal(verify_claims(CLAIMS(TIMES, "\"partners\":{\"INCEPT\":\"viewer\"}")),
                     TOKEN_VALID);
}

static void test_permissions(void **state)
{
    static const char *const refused[] = {
        "\"staff\":\"owner\",\"perms\":{}",
        "\"staff\":\"owner\",\"perms\":null",
        "\"staff\":\"owner\",\"perms\":[1]",
        "\"partners\":{\"A\":\"viewer\"},\"perms\":[]",
        "\"partners\":{\"A\":\"viewer\"},\"perms\":{\"A\":{}}",
        "\"partners\":{\"A\":\"viewer\"},\"suspended\":\"A\"",
        "\"partners\":{\"A\":\"viewer\"},\"suspended\":[1]",
        "\"staff\":\"owner\",\"imp\":\"\"",
        "\"staff\":\"owner\",\"imp\":7",
        "\"staff\":\"owner\",\"auth\":-1",
        "\"staff\":\"owner\",\"auth\":\"1\"",
        "\"staff\":\"owner\",\"auth\":9223372036854775807",
        "\"staff\":\"owner\",\"ims\":1800000001000",
        "\"staff\":\"owner\",\"ims\":1799999999999",
        "\"staff\":\"owner\",\"ims\":null",
    };
    struct principal principal;
    char claims[1024];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        snprintf(claims, sizeof(claims), CLAIMS(TIMES, "%s"), refused[i]);
        if (verify_claims(claims) != TOKEN_INVALID)
            fail_msg("taken: %s", refused[i]);
    }
    /* Never more than the role has; what is unknown gives nothing. */
    snprintf(claims, sizeof(claims),
             CLAIMS(TIMES, "\"staff\":\"viewer\",\"ims\":1800000000999,\"perms\":["
                           "\"metrics.read\",\"staff.manage\",\"new.permission\"]"));
    assert_int_equal(verify(forge(HEADER, claims, SECRET), &principal), TOKEN_VALID);
    assert_true(principal.permissions == PERMISSION_BIT(PERMISSION_METRICS_READ));
    assert_int_equal(principal.issued_ms, NOW_MS + 999);
    snprintf(claims, sizeof(claims),
             CLAIMS(TIMES, "\"partners\":{\"A\":\"viewer\",\"B\":\"admin\"},"
                           "\"perms\":{\"B\":[\"audit.read\"]},\"suspended\":[\"A\",\"C\"]"));
    assert_int_equal(verify(forge(HEADER, claims, SECRET), &principal), TOKEN_VALID);
    assert_true(principal.partners[0].permissions == role_permissions(ROLE_PARTNER_VIEWER));
    assert_true(principal.partners[1].permissions == PERMISSION_BIT(PERMISSION_AUDIT_READ));
    assert_true(principal.partners[0].suspended);
    assert_false(principal.partners[1].suspended);
}

static void test_too_many_partners(void **state)
{
    char claims[8192];
    (void)state;
    int used =
        snprintf(claims, sizeof(claims), "%s", CLAIMS(TIMES, "\"partners\":{\"A\":\"viewer\""));
    used--; /* the closing brace */
    for (int i = 0; i < PRINCIPAL_MAX_PARTNERS; i++)
        used += snprintf(claims + used, sizeof(claims) - (size_t)used, ",\"P%d\":\"viewer\"", i);
    snprintf(claims + used, sizeof(claims) - (size_t)used, "}}");
    assert_int_equal(verify_claims(claims), TOKEN_INVALID);
}

static void test_identity(void **state)
{
#define IDENTITY(iss, sub, sid, name)                                                              \
    "{\"iss\":" iss ",\"sub\":" sub ",\"sid\":" sid ",\"name\":" name "," TIMES                    \
    ",\"staff\":\"owner\"}"
    static const char *const refused[] = {
        IDENTITY("\"metrics-hub2\"", "\"u\"", "\"s\"", "\"n\""),
        IDENTITY("null", "\"u\"", "\"s\"", "\"n\""),
        IDENTITY("\"metrics-hub\"", "\"\"", "\"s\"", "\"n\""),
        IDENTITY("\"metrics-hub\"", "\"a b\"", "\"s\"", "\"n\""),
        IDENTITY("\"metrics-hub\"", "\"u\"", "1", "\"n\""),
        IDENTITY("\"metrics-hub\"", "\"0123456789012345678901234567890123456789\"", "\"s\"",
                 "\"n\""),
        IDENTITY("\"metrics-hub\"", "\"u\"", "\"s\"", "7"),
        IDENTITY("\"metrics-hub\"", "\"u\"", "\"s\"", "\"\\u0000\""),
        "[]",
        "{}",
        "",
        "{\"iss\":",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        assert_int_equal(verify_claims(refused[i]), TOKEN_INVALID);
    assert_int_equal(verify_claims(IDENTITY("\"metrics-hub\"", "\"u\"", "\"s\"", "\"n\"")),
                     TOKEN_VALID);
}

static void test_deep_claims(void **state)
{
    static char claims[6000];
    (void)state;
    memset(claims, '[', sizeof(claims) - 1);
    assert_int_equal(verify_claims(claims), TOKEN_INVALID);
}

static void test_unsignable(void **state)
{
    struct principal principal = {.user_id = "u", .session_id = "s", .expires_ms = NOW_MS};
    char *token = NULL;
    (void)state;
    assert_true(token_sign(&principal, SECRET, 32, NOW_MS, &token) < 0); /* no partner */
    principal.is_staff = true;
    principal.staff_role = ROLE_PARTNER_ADMIN;
    assert_true(token_sign(&principal, SECRET, 32, NOW_MS, &token) < 0);
    principal.staff_role = ROLE_STAFF_OPS;
    assert_true(token_sign(&principal, SECRET, 31, NOW_MS, &token) < 0);
    principal.user_id[0] = '\0';
    assert_true(token_sign(&principal, SECRET, 32, NOW_MS, &token) < 0);
    assert_null(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_staff_round_trip),
        cmocka_unit_test(test_member_round_trip),
        cmocka_unit_test(test_custom_roles_round_trip),
        cmocka_unit_test(test_too_many_permissions),
        cmocka_unit_test(test_forged_staff_is_valid),
        cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_too_many_partners),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_deep_claims),
        cmocka_unit_test(test_unsignable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
