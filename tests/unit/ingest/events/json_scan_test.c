#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ingest/events/json_scan.h"

struct seen {
    char text[512];
    unsigned count;
    int stop_at;
};

static int on_element(void *owner, const struct json_element *element)
{
    struct seen *seen = owner;
    size_t used = strlen(seen->text);
    snprintf(seen->text + used, sizeof(seen->text) - used, "<%.*s>", (int)element->length,
             element->bytes);
    return ++seen->count == (unsigned)seen->stop_at ? -ECANCELED : 0;
}

static int scan(const char *text, struct seen *seen)
{
    memset(seen, 0, sizeof(*seen));
    return json_scan_array(text, strlen(text), on_element, seen);
}

static void test_elements(void **state)
{
    struct seen seen;
    (void)state;
    assert_int_equal(scan(" [ {\"a\":\"],[\\\"\"} ,\n2,[1,[]] ] ", &seen), 0);
    assert_string_equal(seen.text, "<{\"a\":\"],[\\\"\"}><2><[1,[]]>");
    assert_int_equal(scan("[]", &seen), 0);
    assert_int_equal(seen.count, 0);
    assert_int_equal(scan(" [ \n] ", &seen), 0);
}

static void test_not_an_array(void **state)
{
    static const char *const wrong[] = {"",    "{}",   "[",        "]",     "[1",       "[1]]",
                                        "[,]", "[1,]", "[1,,2]",   "[[1]",  "[1]{}]",   "[\"]",
                                        "[}]", "[1}]", "[\"\\\"]", "[\"\\", "[{\"a\":]"};
    struct seen seen;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        if (scan(wrong[i], &seen) != -EINVAL)
            fail_msg("taken: %s", wrong[i]);
    }
}

static void test_depth(void **state)
{
    (void)state;
    assert_false(json_scan_too_deep("{\"a\":[1]}", 9, 2));
    assert_true(json_scan_too_deep("{\"a\":[1]}", 9, 1));
    assert_false(json_scan_too_deep("\"[[[", 4, 1));
}

static void test_callback_ends_it(void **state)
{
    struct seen seen = {.stop_at = 2};
    (void)state;
    assert_int_equal(json_scan_array("[1,2,3]", 7, on_element, &seen), -ECANCELED);
    assert_int_equal(seen.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_not_an_array),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_callback_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
