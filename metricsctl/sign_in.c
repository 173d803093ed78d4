#include "metricsctl/sign_in.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

void sign_in_token_new(char out_token[SIGN_IN_TOKEN_SIZE], char out_hash[SIGN_IN_HASH_SIZE])
{
    unsigned char bytes[32], digest[crypto_hash_sha256_BYTES];

    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2base64(out_token, SIGN_IN_TOKEN_SIZE, bytes, sizeof(bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    crypto_hash_sha256(digest, (const unsigned char *)out_token, strlen(out_token));
    sodium_bin2hex(out_hash, SIGN_IN_HASH_SIZE, digest, sizeof(digest));
    sodium_memzero(bytes, sizeof(bytes));
}

void sign_in_print(const char *public_url, char token[SIGN_IN_TOKEN_SIZE])
{
    size_t length = strlen(public_url);

    while (length > 0 && public_url[length - 1] == '/')
        length--;
    printf("%.*s/#/sign-in?link=%s\n", (int)length, public_url, token);
    sodium_memzero(token, SIGN_IN_TOKEN_SIZE);
}
