/* Passwords off the loop: right and wrong, the bound, and an end while some are worked on. */
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ingest/http/password.h"
#include "tests/unit/test.h"

#define WAITING 99

struct outcome {
    int error;
    char hash[crypto_pwhash_STRBYTES];
};

static uv_loop_t loop;

static void on_done(void *owner, int error, const char *hash)
{
    struct outcome *outcome = owner;
    assert_int_equal(outcome->error, WAITING); /* once */
    outcome->error = error;
    if (hash)
        snprintf(outcome->hash, sizeof(outcome->hash), "%s", hash);
}

static void on_closed(void *owner)
{
    *(bool *)owner = true;
}

static void test_right_and_wrong(void **state)
{
    (void)state;
    bool closed = false;
    uint64_t computed = 0;
    struct passwords *passwords = passwords_new(&loop, 8, &computed);
    struct outcome made = {WAITING, ""}, right = made, wrong = made, nobody = made;
    assert_int_equal(passwords_hash(passwords, "correct horse", on_done, &made), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(made.error, 0);
    /* Nobody's hash costs what one does that was just made. */
    assert_int_equal(strncmp(made.hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0);
    assert_int_equal(passwords_compare(passwords, "correct horse", made.hash, on_done, &right), 0);
    assert_int_equal(passwords_compare(passwords, "correct horsf", made.hash, on_done, &wrong), 0);
    assert_int_equal(passwords_compare(passwords, "correct horse", NULL, on_done, &nobody), 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(right.error, 0);
    assert_int_equal(wrong.error, -EACCES);
    assert_int_equal(nobody.error, -EACCES);
    assert_int_equal(computed, 4);
    passwords_close(passwords, on_closed, &closed);
    assert_true(closed);
}

static void test_bound_and_end(void **state)
{
    (void)state;
    bool closed = false;
    uint64_t computed = 0;
    struct passwords *passwords = passwords_new(&loop, 4, &computed);
    struct outcome outcomes[5];
    for (int i = 0; i < 5; i++) {
        outcomes[i] = (struct outcome){WAITING, ""};
        assert_int_equal(passwords_hash(passwords, "correct horse", on_done, &outcomes[i]),
                         i < 4 ? 0 : -ENOBUFS);
    }
    passwords_close(passwords, on_closed, &closed);
    for (int i = 0; i < 4; i++)
        assert_int_equal(outcomes[i].error, -ECANCELED);
    assert_false(closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(closed);
}

static void test_length(void **state)
{
    (void)state;
    char text[PASSWORD_MAX_BYTES + 2];
    memset(text, 'x', sizeof(text));
    text[PASSWORD_MAX_BYTES + 1] = '\0';
    assert_int_equal(password_check(text), -E2BIG);
    text[PASSWORD_MAX_BYTES] = '\0';
    assert_int_equal(password_check(text), 0);
    assert_int_equal(password_check("123456789"), -EINVAL);
    assert_int_equal(password_check("1234567890"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_and_wrong),
        cmocka_unit_test(test_bound_and_end),
        cmocka_unit_test(test_length),
    };
    if (sodium_init() < 0)
        return 1;
    uv_loop_init(&loop);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed || uv_loop_close(&loop);
}
