/* API keys: `mh_live_<public id, 12>_<secret, 43 base62><CRC-32, 6 base62>` and `mh_test_…`. The
 * public id finds the row, the SHA-256 of the secret is compared in constant time, the checksum
 * lets scanners and our own log filter tell a key from noise. */
#ifndef MH_API_KEY_H
#define MH_API_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/base.h"

#define API_KEY_PUBLIC_ID_SIZE 13
#define API_KEY_HASH_BYTES 32
#define API_KEY_TEXT_SIZE (8 + 12 + 1 + 43 + 6 + 1)

enum api_key_environment { API_KEY_LIVE = 0, API_KEY_TEST = 1 };

struct api_key {
    enum api_key_environment environment;
    char public_id[API_KEY_PUBLIC_ID_SIZE];
    unsigned char hash[API_KEY_HASH_BYTES]; /* SHA-256 of the 43 characters */
};

/* Splits and hashes a presented key; -EINVAL if malformed or its checksum is wrong. */
MUST_CHECK int api_key_parse(const char *text, size_t length, struct api_key *ret_key);
/* Compares the presented key's hash with the stored one, in constant time. */
bool api_key_hash_equal(const struct api_key *key, const unsigned char stored[API_KEY_HASH_BYTES]);
/* Makes a new key; `out_text` is shown once and wiped by the caller. */
void api_key_generate(enum api_key_environment environment, struct api_key *ret_key,
                      char out_text[API_KEY_TEXT_SIZE]);
/* Makes the text, of a new key, that of the other environment: the public id and the hash stay. */
void api_key_set_environment(char text[API_KEY_TEXT_SIZE], enum api_key_environment environment);

#endif
