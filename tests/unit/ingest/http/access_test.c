/* What is pure in the requests of signed-in people: queries, tables, secrets in answers, codes. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/access_fresh.h"
#include "ingest/http/access_query.h"
#include "ingest/http/csv_table.h"
#include "ingest/http/totp.h"
#include "tests/unit/test.h"

static void assert_query(const char *query, const char *expected)
{
    struct arena arena = {0};
    const char *field = NULL;
    json_t *object = access_query_parse(query, &arena, &field);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(object);
    free(text);
    json_decref(object);
    arena_done(&arena);
}

static void test_query(void **state)
{
    (void)state;
    assert_query("", "{}");
    assert_query("q=a+b%26c&limit=5&&flag", "{\"q\":\"a b&c\",\"limit\":\"5\",\"flag\":\"\"}");
    assert_query("a=1=2", "{\"a\":\"1=2\"}");
    assert_query("a=1&%61=2", NULL);
    assert_query("=1", NULL);
    assert_query("a=%f", NULL);
    assert_query("a=%ff", NULL);
}

static void assert_table(const char *csv, const char *expected)
{
    struct arena arena = {0};
    const char *detail = NULL;
    json_t *rows = csv_table_read(csv, strlen(csv), &arena, &detail);
    char *text = rows ? json_dumps(rows, JSON_COMPACT) : NULL;
    assert_string_equal(text ? text : detail, expected);
    free(text);
    json_decref(rows);
    arena_done(&arena);
}

static void test_table_read(void **state)
{
    (void)state;
    assert_table(
        "\xef\xbb\xbf"
        "Email,NAME\r\na,\"b \"\"c\"\"\r\nd\"\r\n\r\n e ,\r\n",
        "[{\"email\":\"a\",\"name\":\"b \\\"c\\\"\\r\\nd\"},{\"email\":\"e\",\"name\":\"\"}]");
    assert_table("a,b\n1\n", "[{\"a\":\"1\"}]");
    assert_table("a\n", "[]");
    assert_table("", "the first line must name the columns");
    assert_table("a,,b\n", "a column has no name");
    assert_table("a,A\n", "a column stands twice");
    assert_table("a\n1\n2,3\n", "row 2: more cells than columns");
}

static void test_table_limits(void **state)
{
    (void)state;
    struct buffer csv = BUFFER_INIT;
    buffer_append_text(&csv, "a\n");
    for (unsigned i = 0; i <= CSV_MAX_ROWS; i++)
        buffer_append_text(&csv, "1\n");
    buffer_append(&csv, "", 1);
    assert_table(csv.data, "row 5001: at most 5000 rows");
    buffer_clear(&csv);
    for (unsigned i = 0; i <= CSV_MAX_COLUMNS; i++)
        buffer_printf(&csv, "c%u,", i);
    buffer_append(&csv, "x\n", 3);
    assert_table(csv.data, "too many columns");
    buffer_done(&csv);
}

static void test_table_write(void **state)
{
    (void)state;
    struct buffer out = BUFFER_INIT;
    json_t *items = json_loads("[{\"a\":\"=1\",\"by\":{\"id\":\"@x\",\"n\":-5}},"
                               "{\"a\":\"say \\\"1\\\", 2\",\"tags\":[\"x\"],\"by\":null},"
                               "{\"a\":\"\\t-\",\"ok\":true}]",
                               0, NULL);
    csv_table_write(items, &out);
    buffer_append(&out, "", 1);
    assert_string_equal(out.data, "\"a\",\"by.id\",\"by.n\",\"tags\",\"by\",\"ok\"\r\n"
                                  "\"'=1\",\"'@x\",\"-5\",\"\",\"\",\"\"\r\n"
                                  "\"say \"\"1\"\", 2\",\"\",\"\",\"[\"\"x\"\"]\",\"\",\"\"\r\n"
                                  "\"'\t-\",\"\",\"\",\"\",\"\",\"true\"\r\n");
    json_decref(items);
    buffer_done(&out);
}

static void test_fresh(void **state)
{
    (void)state;
    struct access_fresh fresh = {0};
    struct api_key key;
    struct buffer out = BUFFER_INIT;
    char hash[2 * API_KEY_HASH_BYTES + 1];
    json_t *object = json_object();
    access_fresh_key(&fresh, object);
    access_fresh_token(&fresh, object);
    assert_true(access_fresh_show(&fresh, "{\"environment\": \"test\"}", 23, false, &out));
    json_t *answer = json_loadb(out.data, out.length, 0, NULL);
    assert_null(json_object_get(answer, "token"));
    const char *text = json_string_value(json_object_get(answer, "key"));
    assert_int_equal(api_key_parse(text, strlen(text), &key), 0);
    assert_int_equal(key.environment, API_KEY_TEST);
    sodium_bin2hex(hash, sizeof(hash), key.hash, sizeof(key.hash));
    assert_string_equal(hash, json_string_value(json_object_get(object, "key_sha256")));
    assert_string_equal(key.public_id, json_string_value(json_object_get(object, "key_public_id")));
    buffer_clear(&out);
    memset(fresh.key, 0, sizeof(fresh.key));
    assert_true(access_fresh_show(&fresh, "{}", 2, true, &out));
    assert_int_equal(out.length, strlen("{\"token\":\"\"}") + SECRET_TEXT_SIZE - 1);
    assert_false(access_fresh_show(&fresh, "[1]", 3, true, &out));
    json_decref(answer);
    json_decref(object);
    buffer_done(&out);
}

/* RFC 6238, appendix B, the last six digits. */
static void test_code(void **state)
{
    (void)state;
    const char secret[] = "12345678901234567890";
    assert_int_equal(totp_step(secret, 20, "287082", 59), 1);
    assert_int_equal(totp_step(secret, 20, "287082", 89), 1);
    assert_int_equal(totp_step(secret, 20, "287082", 90), -EACCES);
    assert_int_equal(totp_step(secret, 20, "005924", 1234567890), 1234567890 / 30);
    assert_int_equal(totp_step(secret, 20, "005924", 1234567890 - 60), -EACCES);
    assert_int_equal(totp_step(secret, 20, "28708", 59), -EACCES);
    assert_int_equal(totp_step(secret, 20, "94287082", 59), -EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query),        cmocka_unit_test(test_table_read),
        cmocka_unit_test(test_table_limits), cmocka_unit_test(test_table_write),
        cmocka_unit_test(test_fresh),        cmocka_unit_test(test_code),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
