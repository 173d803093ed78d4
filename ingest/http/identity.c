#include "ingest/http/identity.h"

#include <errno.h>
#include <jansson.h>
#include <rhonabwy.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"

#define KEYS_MAX 32u
#define RSA_LEAST_BITS 2048u
#define RSA_MOST_BITS 8192u
#define HEADER_MAX 1024u
#define KID_MAX 256u
#define SKEW_S 60
#define LATEST_S 253402300799LL /* 9999-12-31, far from any overflow */

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

enum algorithm { RS256, EDDSA, NO_ALGORITHM };

struct identity_keys {
    size_t count;
    struct {
        jwk_t *jwk;
        enum algorithm algorithm;
        char id[KID_MAX]; /* may be empty */
    } keys[KEYS_MAX];
};

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool is_text(const json_t *object, const char *name, const char *expected)
{
    const char *text = text_of(object, name);
    return text && strcmp(text, expected) == 0;
}

static bool absent_or(const json_t *object, const char *name, const char *expected)
{
    return !json_object_get(object, name) || is_text(object, name, expected);
}

/* --- the provider's keys --- */

static enum algorithm algorithm_of_key(const json_t *key)
{
    if (!absent_or(key, "use", "sig"))
        return NO_ALGORITHM;
    if (is_text(key, "kty", "RSA") && absent_or(key, "alg", "RS256"))
        return RS256;
    if (is_text(key, "kty", "OKP") && is_text(key, "crv", "Ed25519") &&
        absent_or(key, "alg", "EdDSA"))
        return EDDSA;
    return NO_ALGORITHM;
}

/* Of what the file says only the key itself reaches the library, which would follow an x5u. */
static json_t *bare_key(const json_t *key, enum algorithm algorithm)
{
    return algorithm == RS256 ? json_pack("{s:s, s:O?, s:O?}", "kty", "RSA", "n",
                                          json_object_get(key, "n"), "e", json_object_get(key, "e"))
                              : json_pack("{s:s, s:s, s:O?}", "kty", "OKP", "crv", "Ed25519", "x",
                                          json_object_get(key, "x"));
}

static bool key_usable(jwk_t *jwk, enum algorithm algorithm)
{
    unsigned bits = 0;
    int wanted = R_KEY_TYPE_PUBLIC | (algorithm == RS256 ? R_KEY_TYPE_RSA : R_KEY_TYPE_EDDSA);
    return (r_jwk_key_type(jwk, &bits, R_FLAG_IGNORE_REMOTE) & wanted) == wanted &&
           (algorithm != RS256 || (bits >= RSA_LEAST_BITS && bits <= RSA_MOST_BITS));
}

static jwk_t *import_key(const json_t *key, enum algorithm algorithm)
{
    json_t *bare = bare_key(key, algorithm);
    jwk_t *jwk = NULL;
    if (!bare || r_jwk_init(&jwk) != RHN_OK || r_jwk_import_from_json_t(jwk, bare) != RHN_OK ||
        !key_usable(jwk, algorithm)) {
        r_jwk_free(jwk);
        jwk = NULL;
    }
    json_decref(bare);
    return jwk;
}

static int add_key(struct identity_keys *keys, const json_t *key)
{
    const char *id = text_of(key, "kid");
    enum algorithm algorithm = algorithm_of_key(key);
    if (json_object_get(key, "d") || is_text(key, "kty", "oct"))
        return -EACCES;
    if (algorithm == NO_ALGORITHM || (id && strlen(id) >= KID_MAX))
        return 0;
    jwk_t *jwk = import_key(key, algorithm);
    if (!jwk)
        return 0;
    if (keys->count == KEYS_MAX) {
        r_jwk_free(jwk);
        return -E2BIG;
    }
    keys->keys[keys->count].jwk = jwk;
    keys->keys[keys->count].algorithm = algorithm;
    if (id)
        memcpy(keys->keys[keys->count].id, id, strlen(id) + 1);
    keys->count++;
    return 0;
}

static int add_keys(struct identity_keys *keys, const json_t *set)
{
    size_t i;
    json_t *key;
    json_array_foreach(json_object_get(set, "keys"), i, key)
    {
        int error = add_key(keys, key);
        if (error)
            return error;
    }
    return keys->count ? 0 : -ENOKEY;
}

static const char *fault_text(int error)
{
    switch (error) {
    case -EACCES:
        return "holds a secret key; it must have public keys only";
    case -E2BIG:
        return "has more than 32 keys";
    default:
        return "has no RSA key of 2048 to 8192 bits and no Ed25519 key to verify with";
    }
}

/* Takes the reference of `set`. */
static int keys_of(json_t *set, struct identity_keys **ret_keys)
{
    struct identity_keys *keys = memory_zalloc(sizeof(*keys));
    int error = add_keys(keys, set);
    json_decref(set);
    if (error)
        identity_keys_free(keys);
    else
        *ret_keys = keys;
    return error;
}

int identity_keys_load(const char *path, struct identity_keys **ret_keys)
{
    json_error_t fault;
    json_t *set = json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
    int error = set ? keys_of(set, ret_keys) : -EINVAL;
    if (set && error)
        log_error("%s %s", path, fault_text(error));
    else if (error && fault.line < 0)
        log_error("%s", fault.text);
    else if (error)
        log_error("%s is not a JWKS: line %d: %s", path, fault.line, fault.text);
    return error;
}

int identity_keys_parse(const char *json, size_t length, struct identity_keys **ret_keys)
{
    json_t *set = json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL);
    return set ? keys_of(set, ret_keys) : -EINVAL;
}

void identity_keys_free(struct identity_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < keys->count; i++)
        r_jwk_free(keys->keys[i].jwk);
    free(keys);
}

/* --- the token --- */

/* Three base64url parts, the only characters that may reach the library. */
static bool shape_right(const char *token)
{
    for (int part = 0; part < 3; part++) {
        size_t length = strspn(token, base64url);
        if (length == 0 || token[length] != (part < 2 ? '.' : '\0'))
            return false;
        token += length + 1;
    }
    return true;
}

static json_t *header_of(const char *token)
{
    char header[HEADER_MAX];
    size_t length = 0;
    if (sodium_base642bin((unsigned char *)header, sizeof(header), token, strcspn(token, "."), NULL,
                          &length, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING))
        return NULL;
    return json_loadb(header, length, JSON_REJECT_DUPLICATES, NULL);
}

/* A compressed token, or one with an extension that must be understood, is refused (RFC 7515,
 * 4.1.11), and so is one that says it is something else than an ID token (RFC 8725, 3.11). */
static enum algorithm algorithm_of_header(const json_t *header)
{
    const char *type = text_of(header, "typ");
    if (json_object_get(header, "crit") || json_object_get(header, "zip") ||
        (json_object_get(header, "typ") && (!type || strcasecmp(type, "JWT") != 0)))
        return NO_ALGORITHM;
    if (is_text(header, "alg", "RS256"))
        return RS256;
    return is_text(header, "alg", "EdDSA") ? EDDSA : NO_ALGORITHM;
}

static bool signed_by_one_of(const struct identity_keys *keys, jws_t *jws, enum algorithm algorithm,
                             const char *key_id)
{
    for (size_t i = 0; i < keys->count; i++) {
        bool named = key_id && *keys->keys[i].id;
        if (keys->keys[i].algorithm == algorithm &&
            (!named || strcmp(keys->keys[i].id, key_id) == 0) &&
            r_jws_verify_signature(jws, keys->keys[i].jwk, R_FLAG_IGNORE_REMOTE) == RHN_OK)
            return true;
    }
    return false;
}

/* The claims, or NULL unless the signature is right. */
static json_t *verified_claims(const struct identity_keys *keys, const char *token,
                               enum algorithm algorithm, const char *key_id)
{
    jws_t *jws = NULL;
    json_t *claims = NULL;
    size_t length = 0;
    if (r_jws_init(&jws) == RHN_OK &&
        r_jws_advanced_compact_parsen(jws, token, strlen(token), R_PARSE_NONE,
                                      R_FLAG_IGNORE_REMOTE) == RHN_OK &&
        signed_by_one_of(keys, jws, algorithm, key_id)) {
        const unsigned char *payload = r_jws_get_payload(jws, &length);
        claims = json_loadb((const char *)payload, length, JSON_REJECT_DUPLICATES, NULL);
    }
    r_jws_free(jws);
    return claims;
}

/* NumericDate (RFC 7519, 2), which may have a fraction. */
static bool read_time(const json_t *claims, const char *name, int64_t *ret_ms)
{
    const json_t *value = json_object_get(claims, name);
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds >= 0) || seconds > (double)LATEST_S)
        return false;
    *ret_ms = (int64_t)(seconds * 1000);
    return true;
}

static bool audience_right(const json_t *claims, const char *audience)
{
    const json_t *value = json_object_get(claims, "aud");
    bool among = json_is_string(value) && strcmp(json_string_value(value), audience) == 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *text = json_string_value(json_array_get(value, i));
        among |= text && strcmp(text, audience) == 0;
    }
    bool shared = json_array_size(value) > 1;
    return among &&
           (shared ? is_text(claims, "azp", audience) : absent_or(claims, "azp", audience));
}

static bool nonce_right(const json_t *claims, const char *nonce)
{
    return nonce ? is_text(claims, "nonce", nonce) : !json_object_get(claims, "nonce");
}

static void copy_optional(const char *text, char *out, size_t size)
{
    size_t length = text ? strlen(text) : 0;
    if (length < size)
        memcpy(out, text ? text : "", length + 1);
}

/* At most 255 characters of ASCII (OpenID Connect Core 1.0, 2). */
static bool copy_subject(const json_t *claims, struct identity *identity)
{
    const char *subject = text_of(claims, "sub");
    size_t length = subject ? strlen(subject) : 0;
    if (length < 1 || length >= sizeof(identity->subject))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (subject[i] < ' ' || subject[i] > '~')
            return false;
    }
    memcpy(identity->subject, subject, length + 1);
    return true;
}

/* Some providers write the truth as a text. */
static bool email_verified(const json_t *claims)
{
    return json_is_true(json_object_get(claims, "email_verified")) ||
           is_text(claims, "email_verified", "true");
}

static const char *times_fault(const json_t *claims, int64_t now_ms, struct identity *identity)
{
    const int64_t skew_ms = SKEW_S * 1000LL;
    int64_t issued_ms = 0, from_ms = 0;
    if (!read_time(claims, "exp", &identity->expires_ms) || !read_time(claims, "iat", &issued_ms))
        return "the token does not say from when to when it is good";
    if (json_object_get(claims, "nbf") && !read_time(claims, "nbf", &from_ms))
        return "the token does not say from when to when it is good";
    if (issued_ms > now_ms + skew_ms || from_ms > now_ms + skew_ms)
        return "the token is of the future: compare the clocks";
    if (identity->expires_ms <= now_ms - skew_ms)
        return "the token has expired";
    if (read_time(claims, "auth_time", &identity->auth_ms) && identity->auth_ms > now_ms)
        identity->auth_ms = now_ms;
    return NULL;
}

static const char *claims_fault(const json_t *claims, const struct identity_expected *expected,
                                struct identity *identity)
{
    if (!is_text(claims, "iss", expected->issuer))
        return "the token is of another issuer";
    if (!audience_right(claims, expected->audience))
        return "the token is for another audience";
    if (!nonce_right(claims, expected->nonce))
        return "the token's nonce is another one";
    if (!copy_subject(claims, identity))
        return "the token does not say whose it is";
    if (email_verified(claims))
        copy_optional(text_of(claims, "email"), identity->email, sizeof(identity->email));
    copy_optional(text_of(claims, "name"), identity->name, sizeof(identity->name));
    return times_fault(claims, expected->now_ms, identity);
}

static const char *token_fault(const struct identity_keys *keys, const char *token,
                               const struct identity_expected *expected, struct identity *identity)
{
    if (!shape_right(token))
        return "not a signed token in compact form";
    json_t *header = header_of(token);
    enum algorithm algorithm = algorithm_of_header(header);
    json_t *claims = algorithm == NO_ALGORITHM
                         ? NULL
                         : verified_claims(keys, token, algorithm, text_of(header, "kid"));
    const char *fault = NULL;
    if (algorithm == NO_ALGORITHM)
        fault = "the token is not an ID token signed by RS256 or EdDSA";
    else
        fault = claims ? claims_fault(claims, expected, identity)
                       : "the token is not signed by a key of the identity provider";
    json_decref(claims);
    json_decref(header);
    return fault;
}

const char *identity_verify(const struct identity_keys *keys, const char *token, size_t length,
                            const struct identity_expected *expected, struct identity *ret_identity)
{
    if (length == 0 || length > IDENTITY_TOKEN_MAX || memchr(token, '\0', length))
        return "not a signed token in compact form";
    struct identity identity = {.subject = ""};
    char *copy = memory_strndup(token, length);
    const char *fault = token_fault(keys, copy, expected, &identity);
    if (!fault)
        *ret_identity = identity;
    free(copy);
    return fault;
}
