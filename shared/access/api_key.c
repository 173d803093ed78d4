#include "shared/access/api_key.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "shared/base/sha256.h"

#define PREFIX_LENGTH 8
#define PUBLIC_ID_LENGTH (API_KEY_PUBLIC_ID_SIZE - 1)
#define SECRET_LENGTH 43
#define CHECKSUM_LENGTH 6
#define TEXT_LENGTH (API_KEY_TEXT_SIZE - 1)

#define PUBLIC_ID_AT PREFIX_LENGTH
#define SECRET_AT (PUBLIC_ID_AT + PUBLIC_ID_LENGTH + 1)
#define CHECKSUM_AT (SECRET_AT + SECRET_LENGTH)

_Static_assert(API_KEY_HASH_BYTES == SHA256_BYTES, "SHA-256");
_Static_assert(CHECKSUM_AT + CHECKSUM_LENGTH == TEXT_LENGTH, "layout of a key");

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char *const prefixes[] = {[API_KEY_LIVE] = "mh_live_", [API_KEY_TEST] = "mh_test_"};

/* Of everything before the checksum. */
static void write_checksum(const char *text, char out[CHECKSUM_LENGTH])
{
    uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)text, CHECKSUM_AT);
    for (size_t i = CHECKSUM_LENGTH; i-- > 0;) {
        out[i] = base62[crc % 62];
        crc /= 62;
    }
}

static bool is_base62(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

static int parse_environment(const char *text, enum api_key_environment *ret_environment)
{
    for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
        if (memcmp(text, prefixes[i], PREFIX_LENGTH) == 0) {
            *ret_environment = (enum api_key_environment)i;
            return 0;
        }
    }
    return -EINVAL;
}

static void hash_secret(const char *text, unsigned char out[API_KEY_HASH_BYTES])
{
    sha256_begin();
    sha256_add(text + SECRET_AT, SECRET_LENGTH);
    sha256_end(out);
}

int api_key_parse(const char *text, size_t length, struct api_key *ret_key)
{
    char checksum[CHECKSUM_LENGTH];
    enum api_key_environment environment;
    if (length != TEXT_LENGTH || parse_environment(text, &environment) ||
        text[SECRET_AT - 1] != '_' || !is_base62(text + PUBLIC_ID_AT, PUBLIC_ID_LENGTH) ||
        !is_base62(text + SECRET_AT, SECRET_LENGTH))
        return -EINVAL;
    write_checksum(text, checksum);
    if (memcmp(checksum, text + CHECKSUM_AT, CHECKSUM_LENGTH) != 0)
        return -EINVAL;
    ret_key->environment = environment;
    memcpy(ret_key->public_id, text + PUBLIC_ID_AT, PUBLIC_ID_LENGTH);
    ret_key->public_id[PUBLIC_ID_LENGTH] = '\0';
    hash_secret(text, ret_key->hash);
    return 0;
}

bool api_key_hash_equal(const struct api_key *key, const unsigned char stored[API_KEY_HASH_BYTES])
{
    return sodium_memcmp(key->hash, stored, API_KEY_HASH_BYTES) == 0;
}

/* randombytes_uniform has no modulo bias. */
static void write_random(char *out, size_t length)
{
    for (size_t i = 0; i < length; i++)
        out[i] = base62[randombytes_uniform(62)];
}

void api_key_set_environment(char text[API_KEY_TEXT_SIZE], enum api_key_environment environment)
{
    memcpy(text, prefixes[environment], PREFIX_LENGTH);
    write_checksum(text, text + CHECKSUM_AT);
}

void api_key_generate(enum api_key_environment environment, struct api_key *ret_key,
                      char out_text[API_KEY_TEXT_SIZE])
{
    memcpy(out_text, prefixes[environment], PREFIX_LENGTH);
    write_random(out_text + PUBLIC_ID_AT, PUBLIC_ID_LENGTH);
    out_text[SECRET_AT - 1] = '_';
    write_random(out_text + SECRET_AT, SECRET_LENGTH);
    write_checksum(out_text, out_text + CHECKSUM_AT);
    out_text[TEXT_LENGTH] = '\0';

    ret_key->environment = environment;
    memcpy(ret_key->public_id, out_text + PUBLIC_ID_AT, PUBLIC_ID_LENGTH);
    ret_key->public_id[PUBLIC_ID_LENGTH] = '\0';
    hash_secret(out_text, ret_key->hash);
}
