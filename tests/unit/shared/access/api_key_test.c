#include "shared/access/api_key.h"

#include <string.h>

#include "tests/unit/test.h"

/* Made once and kept: the format may not drift, for keys live for years. */
#define KNOWN_KEY "mh_live_0123456789AB_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"

static void test_generate_and_parse(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        enum api_key_environment environment = i % 2 ? API_KEY_TEST : API_KEY_LIVE;
        char text[API_KEY_TEXT_SIZE];
        struct api_key made, parsed;
        api_key_generate(environment, &made, text);
        assert_int_equal(strlen(text), API_KEY_TEXT_SIZE - 1);
        assert_memory_equal(text, i % 2 ? "mh_test_" : "mh_live_", 8);
        assert_int_equal(api_key_parse(text, strlen(text), &parsed), 0);
        assert_int_equal(parsed.environment, environment);
        assert_string_equal(parsed.public_id, made.public_id);
        assert_memory_equal(text + 8, made.public_id, 12);
        assert_true(api_key_hash_equal(&parsed, made.hash));
        made.hash[31] ^= 1;
        assert_false(api_key_hash_equal(&parsed, made.hash));
    }
}

/* The linker sends every call of it here. */
int __real_sodium_memcmp(const void *first, const void *second, size_t length);
int __wrap_sodium_memcmp(const void *first, const void *second, size_t length);

static size_t compared; /* bytes, in constant time */

int __wrap_sodium_memcmp(const void *first, const void *second, size_t length)
{
    compared += length;
    return __real_sodium_memcmp(first, second, length);
}

/* Whichever bit is wrong, or none: all of it is compared, by the function that takes as long for
 * all. */
static void test_hash_is_compared_in_constant_time(void **state)
{
    char text[API_KEY_TEXT_SIZE];
    struct api_key key;
    unsigned char stored[API_KEY_HASH_BYTES];
    (void)state;
    api_key_generate(API_KEY_LIVE, &key, text);
    memcpy(stored, key.hash, sizeof(stored));
    for (size_t bit = 0; bit < API_KEY_HASH_BYTES * 8; bit++) {
        compared = 0;
        stored[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(api_key_hash_equal(&key, stored));
        assert_int_equal(compared, API_KEY_HASH_BYTES);
        stored[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    compared = 0;
    assert_true(api_key_hash_equal(&key, stored));
    assert_int_equal(compared, API_KEY_HASH_BYTES);
}

/* Every single wrong character is noticed. */
static void test_any_change_is_refused(void **state)
{
    char text[API_KEY_TEXT_SIZE];
    struct api_key key;
    (void)state;
    api_key_generate(API_KEY_LIVE, &key, text);
    for (size_t i = 0; i < API_KEY_TEXT_SIZE - 1; i++) {
        for (int c = 0; c < 256; c++) {
            char saved = text[i];
            if ((char)c == saved)
                continue;
            text[i] = (char)c;
            assert_true(api_key_parse(text, API_KEY_TEXT_SIZE - 1, &key) < 0);
            text[i] = saved;
        }
    }
    assert_int_equal(api_key_parse(text, API_KEY_TEXT_SIZE - 1, &key), 0);
}

static void test_length(void **state)
{
    char text[API_KEY_TEXT_SIZE + 1];
    struct api_key key;
    (void)state;
    api_key_generate(API_KEY_LIVE, &key, text);
    for (size_t length = 0; length < API_KEY_TEXT_SIZE - 1; length++)
        assert_true(api_key_parse(text, length, &key) < 0);
    text[API_KEY_TEXT_SIZE - 1] = 'x';
    assert_true(api_key_parse(text, API_KEY_TEXT_SIZE, &key) < 0);
}

static void test_known_key(void **state)
{
    static const unsigned char hash[API_KEY_HASH_BYTES] = {
        0x46, 0xa2, 0x19, 0x97, 0x82, 0xc8, 0x82, 0x7f, 0x0a, 0xc5, 0x6f,
        0x50, 0x3b, 0xe9, 0xd3, 0x9e, 0xfe, 0xe9, 0x7f, 0x40, 0xa7, 0x36,
        0xb9, 0x2c, 0xc7, 0xd7, 0xc5, 0xf8, 0x25, 0xcf, 0xd8, 0x51};
    static const char text[] = KNOWN_KEY "3sMgUL";
    struct api_key key;
    (void)state;
    assert_int_equal(api_key_parse(text, sizeof(text) - 1, &key), 0);
    assert_string_equal(key.public_id, "0123456789AB");
    assert_true(api_key_hash_equal(&key, hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate_and_parse),
        cmocka_unit_test(test_hash_is_compared_in_constant_time),
        cmocka_unit_test(test_any_change_is_refused),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_known_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
