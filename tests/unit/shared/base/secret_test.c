#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/settings.h"
#include "tests/unit/test.h"

static char path[64];

static void write_file(const void *bytes, size_t length, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static int make_file(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/mh-secret-XXXXXX");
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void test_newline_is_cut(void **state)
{
    char *secret = NULL;
    size_t length = 0;
    (void)state;
    write_file("s3cret\n", 7, 0600);
    assert_int_equal(secret_read(path, &secret, &length), 0);
    assert_int_equal(length, 6);
    assert_string_equal(secret, "s3cret");
    secret_free(secret, length);
    secret_free(NULL, 0);
}

static void test_refused(void **state)
{
    static char big[5000];
    char *secret = NULL;
    size_t length = 0;
    (void)state;
    write_file("x", 1, 0640);
    assert_int_equal(secret_read(path, &secret, &length), -EPERM);
    write_file("x", 1, 0604);
    assert_int_equal(secret_read(path, &secret, &length), -EPERM);
    write_file(big, sizeof(big), 0600);
    assert_int_equal(secret_read(path, &secret, &length), -EFBIG);
    assert_int_equal(secret_read("/nonexistent/file", &secret, &length), -ENOENT);
    assert_int_equal(secret_read("/tmp", &secret, &length), -EINVAL);
    assert_null(secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_newline_is_cut, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_refused, make_file, remove_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
