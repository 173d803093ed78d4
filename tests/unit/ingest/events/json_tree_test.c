#include "tests/unit/test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/events/json_tree.h"

#define MAX_DEPTH 8

/* Reads and writes; NULL if refused. The caller ends the arena. */
static const char *canonical(struct arena *arena, const char *text, size_t length)
{
    struct json_node *root;
    struct json_fault fault = {0};
    arena_init(arena);
    if (json_tree_read(arena, text, length, MAX_DEPTH, &root, &fault)) {
        assert_non_null(fault.what);
        assert_true(fault.at <= length);
        return NULL;
    }
    struct text written = json_tree_write(root, arena);
    assert_int_equal(strlen(written.bytes), written.length);
    return written.bytes;
}

/* The hashes in the database are over what jansson once wrote. */
static void test_writes_as_jansson(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        " { \"b\" : [ 1 , 2,{}] ,\n\t\"a\":null,\"aa\":true,\"\":false}\r\n",
        "0",
        "-0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "1.0",
        "-0.0",
        "0.1",
        "1e2",
        "1E-7",
        "1e+20",
        "123456789.123456789",
        "1e300",
        "5e-324",
        "1e-400",
        "1.7976931348623157e308",
        "\"\"",
        "\"a/b\\/c\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u00e9\\uD83D\\uDE00\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"",
        "{\"\\u0061b\":1,\"aa\":2,\"a\":3}",
        "{\"h\":4,\"g\":5,\"f\":6,\"e\":7,\"i\":8,\"j\":9}",
        "[{\"2\":1,\"1\":2},{\"10\":0,\"1\":1},[[]],[{}]]",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct arena arena;
        json_t *value = json_loads(texts[i], JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        char *expected = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
        const char *written = canonical(&arena, texts[i], strlen(texts[i]));
        assert_non_null(written);
        assert_string_equal(written, expected);
        free(expected);
        json_decref(value);
        arena_done(&arena);
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "tru",
        "True",
        "nul",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e1",
        "1e",
        "1e+",
        "0x10",
        "1 2",
        "{} x",
        "9223372036854775808",
        "-9223372036854775809",
        "1e309",
        "-1e309",
        "NaN",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\ud800\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\\\n\"",
        "\"\xc3\"",
        "\"\xc0\xaf\"",
        "\"\xe0\x80\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xff\"",
        "\"\x80\"",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "[[[[[[[[[1]]]]]]]]]",
        "'a'",
        "[1}",
        "{\"a\":1]",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct arena arena;
        if (canonical(&arena, texts[i], strlen(texts[i])))
            fail_msg("taken: %s", texts[i]);
        arena_done(&arena);
    }
    struct arena arena;
    assert_null(canonical(&arena, "\"a\0b\"", 5));
    arena_done(&arena);
}

static void test_depth(void **state)
{
    static const char fits[] = "{\"a\":[1,\"[[[\"],\"b\":[]}", deeper[] = "{\"a\":[1]}";
    struct arena arena = {0};
    struct json_node *root;
    struct json_fault fault = {0};
    (void)state;
    assert_int_equal(json_tree_read(&arena, fits, strlen(fits), 2, &root, &fault), 0);
    assert_int_not_equal(json_tree_read(&arena, deeper, strlen(deeper), 1, &root, &fault), 0);
    assert_true(fault.too_deep);
    assert_int_equal(fault.at, 5);
    arena_done(&arena);
}

static void test_members(void **state)
{
    static const char text[] = "{\"b\":1,\"a\":\"x\",\"ab\":[3]}";
    struct arena arena = {0};
    struct json_node *root;
    struct json_fault fault;
    (void)state;
    assert_int_equal(json_tree_read(&arena, text, strlen(text), 2, &root, &fault), 0);
    assert_int_equal(json_tree_get(root, "b")->integer, 1);
    assert_int_equal(json_tree_get(root, "a")->string.length, 1);
    assert_int_equal(json_tree_get(root, "ab")->first->integer, 3);
    assert_null(json_tree_get(root, "abc"));
    assert_null(json_tree_get(root, ""));
    assert_null(json_tree_get(json_tree_get(root, "ab"), "a"));
    assert_true(json_tree_named(root->first, "b"));
    assert_false(json_tree_named(root->first, "bb"));
    arena_done(&arena);
}

/* Many members are no quadratic matter, and a twin among them is found. */
static void test_many_members(void **state)
{
    enum { MEMBERS = 100000 };
    char *text = malloc((size_t)MEMBERS * 16);
    size_t length = 0;
    struct arena arena;
    (void)state;
    assert_non_null(text);
    text[length++] = '{';
    for (int i = 0; i < MEMBERS; i++)
        length += (size_t)sprintf(text + length, "%s\"%d\":%d", i ? "," : "", MEMBERS - i, i);
    text[length++] = '}';
    const char *written = canonical(&arena, text, length);
    assert_non_null(written);
    assert_memory_equal(written, "{\"1\":99999,\"10\":99990,", 22);
    arena_done(&arena);
    length--;
    length += (size_t)sprintf(text + length, ",\"77\":1}");
    assert_null(canonical(&arena, text, length));
    arena_done(&arena);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_as_jansson),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_many_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
