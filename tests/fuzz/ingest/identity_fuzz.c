/* First byte '.': the rest is a whole token as a stranger sends it, which is never valid. '[': the
 * rest is a JWKS file. Else the input is the claims of a token that we sign, so that the fuzzer
 * gets past the signature: whose identity comes out must be one that the claims can name. */
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS INT64_C(1800000000000)
#define ENCODED_HEADER "eyJhbGciOiJFZERTQSJ9." /* {"alg":"EdDSA"} */
#define CLAIMS_MAX_BYTES 5000

static struct identity_keys *keys;
static uint8_t secret_key[crypto_sign_SECRETKEYBYTES];

static void encode(char *out, size_t size, const uint8_t *bytes, size_t length)
{
    size_t used = strlen(out);
    sodium_bin2base64(out + used, size - used, bytes, length,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void make_keys(void)
{
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {7};
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    char x[64] = "", text[200];
    if (sodium_init() < 0 || crypto_sign_seed_keypair(public_key, secret_key, seed))
        abort();
    encode(x, sizeof(x), public_key, sizeof(public_key));
    snprintf(text, sizeof(text), "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"}]}",
             x);
    if (identity_keys_parse(text, strlen(text), &keys))
        abort();
}

static void sign_claims(const uint8_t *claims, size_t length, char *out, size_t size)
{
    uint8_t signature[crypto_sign_BYTES];
    snprintf(out, size, "%s", ENCODED_HEADER);
    encode(out, size, claims, length);
    crypto_sign_detached(signature, NULL, (const uint8_t *)out, strlen(out), secret_key);
    size_t used = strlen(out);
    snprintf(out + used, size - used, ".");
    encode(out, size, signature, sizeof(signature));
}

static void check(const struct identity *identity)
{
    size_t length = strlen(identity->subject);
    if (length < 1 || length >= sizeof(identity->subject) || identity->auth_ms > NOW_MS ||
        identity->auth_ms < 0 || identity->expires_ms <= NOW_MS - 60000)
        abort();
}

static void verify(const char *token, size_t length, bool ours)
{
    const struct identity_expected expected = {.issuer = "i", .audience = "a", .now_ms = NOW_MS};
    struct identity identity;
    if (identity_verify(keys, token, length, &expected, &identity))
        return;
    if (!ours)
        abort();
    check(&identity);
}

static void parse_set(const char *json, size_t length)
{
    struct identity_keys *set = NULL;
    if (identity_keys_parse(json, length, &set) == 0)
        identity_keys_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char token[IDENTITY_TOKEN_MAX];
    if (!keys)
        make_keys();
    if (size && data[0] == '.') {
        verify((const char *)data + 1, size - 1, false);
    } else if (size && data[0] == '[') {
        parse_set((const char *)data + 1, size - 1);
    } else if (size <= CLAIMS_MAX_BYTES) {
        sign_claims(data, size, token, sizeof(token));
        verify(token, strlen(token), true);
    }
    return 0;
}
