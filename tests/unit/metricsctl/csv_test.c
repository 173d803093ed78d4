#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "metricsctl/csv.h"

static void test_plain_records(void **state)
{
    char text[] = "a,b\r\n,2\nlast,";
    char *fields[2];
    struct csv csv;

    (void)state;
    csv_init(&csv, text);
    assert_int_equal(csv_read(&csv, fields, 2), 1);
    assert_string_equal(fields[0], "a");
    assert_string_equal(fields[1], "b");
    assert_int_equal(csv_read(&csv, fields, 2), 1);
    assert_string_equal(fields[0], "");
    assert_string_equal(fields[1], "2");
    assert_int_equal(csv.line, 2);
    assert_int_equal(csv_read(&csv, fields, 2), 1);
    assert_string_equal(fields[0], "last");
    assert_string_equal(fields[1], "");
    assert_int_equal(csv_read(&csv, fields, 2), 0);
}

static void test_quoted_fields(void **state)
{
    char text[] = "\"a,\"\"b\"\"\nc\",\"\"\nx,y\n";
    char *fields[2];
    struct csv csv;

    (void)state;
    csv_init(&csv, text);
    assert_int_equal(csv_read(&csv, fields, 2), 1);
    assert_string_equal(fields[0], "a,\"b\"\nc");
    assert_string_equal(fields[1], "");
    assert_int_equal(csv_read(&csv, fields, 2), 1);
    assert_int_equal(csv.line, 3);
}

static void assert_refused(const char *content, unsigned line)
{
    char text[64];
    char *fields[2];
    struct csv csv;
    int rc;

    assert_true(strlen(content) < sizeof(text));
    memcpy(text, content, strlen(content) + 1);
    csv_init(&csv, text);
    do
        rc = csv_read(&csv, fields, 2);
    while (rc == 1);
    assert_int_equal(rc, -EINVAL);
    assert_int_equal(csv.line, line);
    assert_non_null(csv.error);
}

static void test_faults_name_their_line(void **state)
{
    (void)state;
    assert_refused("a,b\nc\n", 2);
    assert_refused("a,b\nc,d,e\n", 2);
    assert_refused("a,b\nc,\"d", 2);
    assert_refused("\"a\"b,c\n", 1);
    assert_refused("a\"b,c\n", 1);
    assert_refused("a,b\rc\n", 1);
    assert_refused("a,b\n\n", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_records),
        cmocka_unit_test(test_quoted_fields),
        cmocka_unit_test(test_faults_name_their_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
