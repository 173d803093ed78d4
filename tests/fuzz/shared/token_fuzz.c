/* First byte '.': the rest is a whole token as a stranger sends it, which is never valid. Else the
 * input is the claims of a token that we sign, so that the fuzzer gets past the signature: a
 * principal that comes out must survive being signed and verified again. */
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/access/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "0123456789abcdef0123456789abcdef"
#define SECRET_LENGTH 32
#define NOW_MS 1800000000000LL
#define ENCODED_HEADER "eyJhbGciOiJIUzI1NiJ9."
#define CLAIMS_MAX_BYTES 5000

static void encode(char *out, size_t size, const uint8_t *bytes, size_t length)
{
    size_t used = strlen(out);
    sodium_bin2base64(out + used, size - used, bytes, length,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void sign_claims(const uint8_t *claims, size_t length, char *out, size_t size)
{
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    snprintf(out, size, "%s", ENCODED_HEADER);
    encode(out, size, claims, length);
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)SECRET, SECRET_LENGTH);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)out, strlen(out));
    crypto_auth_hmacsha256_final(&state, mac);
    size_t used = strlen(out);
    snprintf(out + used, size - used, ".");
    encode(out, size, mac, sizeof(mac));
}

static bool same(const struct principal *a, const struct principal *b)
{
    return principal_same_access(a, b) && a->expires_ms == b->expires_ms &&
           a->issued_ms == b->issued_ms && a->auth_ms == b->auth_ms;
}

static void check_round_trip(const struct principal *principal)
{
    struct principal again;
    char *token = NULL;
    if (token_sign(principal, SECRET, SECRET_LENGTH, NOW_MS, &token) ||
        token_verify(token, strlen(token), SECRET, SECRET_LENGTH, NOW_MS, &again) != TOKEN_VALID ||
        !same(principal, &again))
        abort();
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char token[TOKEN_MAX_BYTES];
    struct principal principal;
    if (size && data[0] == '.') {
        if (token_verify((const char *)data + 1, size - 1, SECRET, SECRET_LENGTH, NOW_MS,
                         &principal) == TOKEN_VALID)
            abort();
        return 0;
    }
    if (size > CLAIMS_MAX_BYTES)
        return 0;
    sign_claims(data, size, token, sizeof(token));
    if (token_verify(token, strlen(token), SECRET, SECRET_LENGTH, NOW_MS, &principal) ==
        TOKEN_VALID)
        check_round_trip(&principal);
    return 0;
}
