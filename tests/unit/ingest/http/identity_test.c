/* ID tokens against keys that are made here: what verifies, and each way in which one does not. The
 * library signs; which key, algorithm and claims are believed is ours. */
#include "ingest/http/identity.h"

#include <errno.h>
#include <rhonabwy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/buffer.h"
#include "tests/unit/test.h"

#define NOW_S INT64_C(1800000000)
#define ISSUER "https://id.example"
#define AUDIENCE "metrics-hub"

struct pair {
    jwk_t *secret, *public;
};

static struct pair rsa, ed25519, other_rsa, small_rsa, p256;
static struct identity_keys *keys;

static struct pair make_pair(int type, unsigned bits, const char *id)
{
    struct pair pair = {NULL, NULL};
    assert_int_equal(r_jwk_init(&pair.secret), RHN_OK);
    assert_int_equal(r_jwk_init(&pair.public), RHN_OK);
    assert_int_equal(r_jwk_generate_key_pair(pair.secret, pair.public, type, bits, id), RHN_OK);
    return pair;
}

static void free_pair(struct pair *pair)
{
    r_jwk_free(pair->secret);
    r_jwk_free(pair->public);
}

/* A JWKS of these; takes their references. */
static int parse_set(json_t *array, struct identity_keys **ret_keys)
{
    json_t *set = json_pack("{s:o}", "keys", array);
    char *text = json_dumps(set, 0);
    int error = identity_keys_parse(text, strlen(text), ret_keys);
    free(text);
    json_decref(set);
    return error;
}

static json_t *exported(jwk_t *jwk)
{
    json_t *key = r_jwk_export_to_json_t(jwk);
    assert_non_null(key);
    return key;
}

static int set_up(void **state)
{
    (void)state;
    rsa = make_pair(R_KEY_TYPE_RSA, 2048, "rsa-1");
    other_rsa = make_pair(R_KEY_TYPE_RSA, 2048, "rsa-1");
    small_rsa = make_pair(R_KEY_TYPE_RSA, 1024, "small");
    ed25519 = make_pair(R_KEY_TYPE_EDDSA, 256, "ed-1");
    p256 = make_pair(R_KEY_TYPE_EC, 256, "ec-1");
    assert_int_equal(
        parse_set(json_pack("[o, o, o, o]", exported(p256.public), exported(small_rsa.public),
                            exported(rsa.public), exported(ed25519.public)),
                  &keys),
        0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    identity_keys_free(keys);
    free_pair(&rsa);
    free_pair(&other_rsa);
    free_pair(&small_rsa);
    free_pair(&ed25519);
    free_pair(&p256);
    return 0;
}

static json_t *good_claims(void)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:b, s:s, s:I}", "iss", ISSUER, "aud",
                     AUDIENCE, "sub", "person 7", "iat", NOW_S - 10, "exp", NOW_S + 300, "email",
                     "ann@alpha.example", "email_verified", 1, "name", "Ann", "auth_time",
                     NOW_S - 60);
}

/* The library sets alg and kid itself; `header`, which may be NULL, has other members. */
static char *sign(const json_t *claims, json_t *header, jwk_t *key, jwa_alg algorithm)
{
    char *payload = json_dumps(claims, JSON_COMPACT);
    jws_t *jws = NULL;
    const char *name;
    json_t *value;
    assert_int_equal(r_jws_init(&jws), RHN_OK);
    assert_int_equal(r_jws_set_payload(jws, (const unsigned char *)payload, strlen(payload)),
                     RHN_OK);
    assert_int_equal(r_jws_set_alg(jws, algorithm), RHN_OK);
    json_object_foreach(header, name, value)
    {
        assert_int_equal(r_jws_set_header_json_t_value(jws, name, value), RHN_OK);
    }
    char *token = r_jws_serialize(jws, key, 0);
    assert_non_null(token);
    char *copy = strdup(token);
    r_free(token);
    r_jws_free(jws);
    free(payload);
    json_decref(header);
    return copy;
}

static const char *verify_with(const char *token, const char *nonce, struct identity *ret_identity)
{
    const struct identity_expected expected = {
        .issuer = ISSUER, .audience = AUDIENCE, .nonce = nonce, .now_ms = NOW_S * 1000};
    return identity_verify(keys, token, strlen(token), &expected, ret_identity);
}

/* Takes the references of claims and header; the fault. */
static const char *fault_of(json_t *claims, json_t *header, jwk_t *key, jwa_alg algorithm,
                            const char *nonce, struct identity *ret_identity)
{
    char *token = sign(claims, header, key, algorithm);
    const char *fault = verify_with(token, nonce, ret_identity);
    free(token);
    json_decref(claims);
    return fault;
}

static const char *claims_fault(json_t *claims, struct identity *ret_identity)
{
    return fault_of(claims, NULL, rsa.secret, R_JWA_ALG_RS256, NULL, ret_identity);
}

static const char *changed_fault(const char *name, json_t *value)
{
    struct identity identity;
    json_t *claims = good_claims();
    if (value)
        json_object_set_new(claims, name, value);
    else
        json_object_del(claims, name);
    return claims_fault(claims, &identity);
}

static void test_verifies_rs256_and_eddsa(void **state)
{
    (void)state;
    struct identity identity;
    assert_null(claims_fault(good_claims(), &identity));
    assert_string_equal(identity.subject, "person 7");
    assert_string_equal(identity.email, "ann@alpha.example");
    assert_string_equal(identity.name, "Ann");
    assert_true(identity.auth_ms == (NOW_S - 60) * 1000);
    assert_true(identity.expires_ms == (NOW_S + 300) * 1000);
    memset(&identity, 0, sizeof(identity));
    assert_null(fault_of(good_claims(), json_pack("{s:s}", "typ", "jwt"), ed25519.secret,
                         R_JWA_ALG_EDDSA, NULL, &identity));
    assert_string_equal(identity.subject, "person 7");
}

static void test_believes_no_other_key(void **state)
{
    (void)state;
    struct identity identity;
    const char *unsigned_fault = "the token is not signed by a key of the identity provider";
    assert_string_equal(
        fault_of(good_claims(), NULL, other_rsa.secret, R_JWA_ALG_RS256, NULL, &identity),
        unsigned_fault);
    assert_string_equal(
        fault_of(good_claims(), NULL, small_rsa.secret, R_JWA_ALG_RS256, NULL, &identity),
        unsigned_fault);
    /* The token's own key. */
    assert_string_equal(fault_of(good_claims(),
                                 json_pack("{s:o}", "jwk", exported(other_rsa.public)),
                                 other_rsa.secret, R_JWA_ALG_RS256, NULL, &identity),
                        unsigned_fault);
}

static void test_believes_no_other_algorithm(void **state)
{
    (void)state;
    struct identity identity;
    const char *fault = "the token is not an ID token signed by RS256 or EdDSA";
    unsigned char public_text[] = "a public key is no secret";
    jwk_t *symmetric = NULL;
    assert_int_equal(r_jwk_init(&symmetric), RHN_OK);
    assert_int_equal(r_jwk_import_from_symmetric_key(symmetric, public_text, sizeof(public_text)),
                     RHN_OK);
    assert_string_equal(fault_of(good_claims(), NULL, symmetric, R_JWA_ALG_HS256, NULL, &identity),
                        fault);
    r_jwk_free(symmetric);
    assert_string_equal(fault_of(good_claims(), NULL, rsa.secret, R_JWA_ALG_RS512, NULL, &identity),
                        fault);
    assert_string_equal(
        fault_of(good_claims(), NULL, p256.secret, R_JWA_ALG_ES256, NULL, &identity), fault);
    assert_string_equal(fault_of(good_claims(), json_pack("{s:s}", "typ", "at+jwt"), rsa.secret,
                                 R_JWA_ALG_RS256, NULL, &identity),
                        fault);
    assert_string_equal(fault_of(good_claims(), json_pack("{s:[s]}", "crit", "exp"), rsa.secret,
                                 R_JWA_ALG_RS256, NULL, &identity),
                        fault);
    /* {"alg":"none"}.{} */
    assert_string_equal(verify_with("eyJhbGciOiJub25lIn0.e30.AA", NULL, &identity), fault);
    assert_string_equal(verify_with("eyJhbGciOiJub25lIn0.e30.", NULL, &identity),
                        "not a signed token in compact form");
}

static void test_checks_the_claims(void **state)
{
    (void)state;
    static const char *const issuer = "the token is of another issuer";
    static const char *const audience = "the token is for another audience";
    static const char *const whose = "the token does not say whose it is";
    static const char *const times = "the token does not say from when to when it is good";
    assert_string_equal(changed_fault("iss", json_string(ISSUER "/")), issuer);
    assert_string_equal(changed_fault("iss", NULL), issuer);
    assert_string_equal(changed_fault("aud", json_string("another")), audience);
    assert_string_equal(changed_fault("aud", json_pack("[]")), audience);
    assert_null(changed_fault("aud", json_pack("[s]", AUDIENCE)));
    assert_string_equal(changed_fault("aud", json_pack("[s, s]", AUDIENCE, "another")), audience);
    assert_string_equal(changed_fault("azp", json_string("another")), audience);
    assert_string_equal(changed_fault("sub", NULL), whose);
    assert_string_equal(changed_fault("sub", json_string("")), whose);
    assert_string_equal(changed_fault("sub", json_string("tab\t")), whose);
    assert_string_equal(changed_fault("exp", NULL), times);
    assert_string_equal(changed_fault("iat", json_string("1800000000")), times);
    assert_string_equal(changed_fault("exp", json_real(1e300)), times);
    assert_string_equal(changed_fault("exp", json_integer(NOW_S - 61)), "the token has expired");
    assert_null(changed_fault("exp", json_real((double)NOW_S - 30.5)));
    assert_string_equal(changed_fault("nbf", json_integer(NOW_S + 61)),
                        "the token is of the future: compare the clocks");
    assert_string_equal(changed_fault("iat", json_integer(NOW_S + 61)),
                        "the token is of the future: compare the clocks");
    assert_string_equal(changed_fault("nonce", json_string("n")),
                        "the token's nonce is another one");
}

static void test_nonce_is_the_one_that_was_sent(void **state)
{
    (void)state;
    struct identity identity;
    json_t *claims = good_claims();
    json_object_set_new(claims, "nonce", json_string("n-1"));
    assert_null(fault_of(json_incref(claims), NULL, rsa.secret, R_JWA_ALG_RS256, "n-1", &identity));
    assert_non_null(fault_of(claims, NULL, rsa.secret, R_JWA_ALG_RS256, "n-2", &identity));
    assert_non_null(fault_of(good_claims(), NULL, rsa.secret, R_JWA_ALG_RS256, "n-1", &identity));
}

static void test_an_address_counts_only_when_verified(void **state)
{
    (void)state;
    struct identity identity;
    json_t *claims = good_claims();
    json_object_set_new(claims, "email_verified", json_false());
    json_object_del(claims, "auth_time");
    assert_null(claims_fault(claims, &identity));
    assert_string_equal(identity.email, "");
    assert_true(identity.auth_ms == 0);
    claims = good_claims();
    json_object_set_new(claims, "email_verified", json_string("true"));
    json_object_set_new(claims, "auth_time", json_integer(NOW_S + 30));
    assert_null(claims_fault(claims, &identity));
    assert_string_equal(identity.email, "ann@alpha.example");
    assert_true(identity.auth_ms == NOW_S * 1000);
}

static void test_bytes_that_are_no_token(void **state)
{
    (void)state;
    struct identity identity;
    const struct identity_expected expected = {.issuer = ISSUER, .audience = AUDIENCE};
    char *long_token = calloc(1, IDENTITY_TOKEN_MAX + 2);
    memset(long_token, 'a', IDENTITY_TOKEN_MAX + 1);
    assert_non_null(
        identity_verify(keys, long_token, IDENTITY_TOKEN_MAX + 1, &expected, &identity));
    free(long_token);
    assert_non_null(identity_verify(keys, "", 0, &expected, &identity));
    assert_non_null(identity_verify(keys, "a.b\0.c", 6, &expected, &identity));
    assert_non_null(verify_with("a.b.c.d", NULL, &identity));
    assert_non_null(verify_with("!.b.c", NULL, &identity));
}

static void test_a_file_has_public_keys_that_can_verify(void **state)
{
    (void)state;
    struct identity_keys *none = NULL;
    assert_int_equal(parse_set(json_pack("[o]", exported(rsa.secret)), &none), -EACCES);
    assert_int_equal(
        parse_set(json_pack("[o, {s:s, s:s}]", exported(rsa.public), "kty", "oct", "k", "c2VjcmV0"),
                  &none),
        -EACCES);
    assert_int_equal(
        parse_set(json_pack("[o, o]", exported(p256.public), exported(small_rsa.public)), &none),
        -ENOKEY);
    json_t *for_encryption = exported(rsa.public);
    json_object_set_new(for_encryption, "use", json_string("enc"));
    assert_int_equal(parse_set(json_pack("[o]", for_encryption), &none), -ENOKEY);
    json_t *many = json_array();
    for (int i = 0; i < 33; i++)
        json_array_append_new(many, exported(ed25519.public));
    assert_int_equal(parse_set(many, &none), -E2BIG);
    assert_int_equal(identity_keys_parse("[]", 2, &none), -ENOKEY);
    assert_int_equal(identity_keys_parse("{", 1, &none), -EINVAL);
    assert_int_equal(identity_keys_load("/nowhere/keys.json", &none), -EINVAL);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verifies_rs256_and_eddsa),
        cmocka_unit_test(test_believes_no_other_key),
        cmocka_unit_test(test_believes_no_other_algorithm),
        cmocka_unit_test(test_checks_the_claims),
        cmocka_unit_test(test_nonce_is_the_one_that_was_sent),
        cmocka_unit_test(test_an_address_counts_only_when_verified),
        cmocka_unit_test(test_bytes_that_are_no_token),
        cmocka_unit_test(test_a_file_has_public_keys_that_can_verify),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
