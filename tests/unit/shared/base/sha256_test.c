#include "tests/unit/test.h"

#include <sodium.h>
#include <string.h>

#include "shared/base/sha256.h"

/* In pieces of any size, the same as another implementation says. */
static void test_as_sodium(void **state)
{
    unsigned char bytes[300], expected[SHA256_BYTES], out[SHA256_BYTES];
    (void)state;
    randombytes_buf(bytes, sizeof(bytes));
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        size_t step = 1 + length % 7 * 13;
        crypto_hash_sha256(expected, bytes, length);
        sha256_begin();
        for (size_t at = 0; at < length; at += step)
            sha256_add(bytes + at, length - at < step ? length - at : step);
        sha256_end(out);
        assert_memory_equal(out, expected, sizeof(out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_sodium)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
