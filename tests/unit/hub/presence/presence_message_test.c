#include "hub/presence/presence_message.h"

#include <string.h>

#include "tests/unit/test.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static void assert_text(const struct buffer *buffer, const char *wanted)
{
    assert_int_equal(buffer->length, strlen(wanted));
    if (buffer->length)
        assert_memory_equal(buffer->data, wanted, buffer->length);
}

static int decode(const char *text, size_t limit, struct presence_pushes *pushes)
{
    return presence_message_decode("c:\"", text, strlen(text), limit, pushes);
}

static void test_person(void **state)
{
    const struct presence_person person = {
        .client = TEXT("c1"), .user = TEXT("usr_1"), .name = TEXT("A \"B\"\n"), .letter = 'm'};
    struct buffer out = BUFFER_INIT;
    (void)state;
    buffer_append_text(&out, "[");
    presence_append_person(&out, &person);
    presence_append_person(&out, &person);
    assert_text(&out, "[[\"c1\",\"usr_1\",\"A \\\"B\\\"\\n\",\"m\"],"
                      "[\"c1\",\"usr_1\",\"A \\\"B\\\"\\n\",\"m\"]");
    buffer_clear(&out);
    presence_append_info(&out, &person);
    assert_text(&out, "{\"client\":\"c1\",\"user\":\"usr_1\","
                      "\"conn_info\":{\"name\":\"A \\\"B\\\"\\n\"}}");
    buffer_done(&out);
}

/* Who is hidden is in the first stream only. */
static void test_pushes(void **state)
{
    static const char message[] = "{\"join\":[[\"a\",\"u\",\"n\",\"s\"],[\"b\",\"v\",\"m\",\"m\"]],"
                                  "\"leave\":[[\"d\",\"w\",\"o\",\"m\"]]}";
    struct presence_pushes pushes;
    (void)state;
    assert_int_equal(decode(message, 10, &pushes), 0);
    assert_int_equal(pushes.count, 3);
    assert_text(&pushes.all,
                "{\"push\":{\"channel\":\"c:\\\"\",\"join\":{\"info\":{\"client\":\"a\","
                "\"user\":\"u\",\"conn_info\":{\"name\":\"n\"}}}}}\n"
                "{\"push\":{\"channel\":\"c:\\\"\",\"join\":{\"info\":{\"client\":\"b\","
                "\"user\":\"v\",\"conn_info\":{\"name\":\"m\"}}}}}\n"
                "{\"push\":{\"channel\":\"c:\\\"\",\"leave\":{\"info\":{\"client\":\"d\","
                "\"user\":\"w\",\"conn_info\":{\"name\":\"o\"}}}}}");
    assert_text(&pushes.shown,
                "{\"push\":{\"channel\":\"c:\\\"\",\"join\":{\"info\":{\"client\":\"b\","
                "\"user\":\"v\",\"conn_info\":{\"name\":\"m\"}}}}}\n"
                "{\"push\":{\"channel\":\"c:\\\"\",\"leave\":{\"info\":{\"client\":\"d\","
                "\"user\":\"w\",\"conn_info\":{\"name\":\"o\"}}}}}");
    presence_pushes_done(&pushes);
    assert_int_equal(decode(message, 1, &pushes), 0);
    assert_int_equal(pushes.count, 3);
    assert_int_equal(pushes.shown.length, 0);
    presence_pushes_done(&pushes);
}

static void test_malformed(void **state)
{
    static const char *const cases[] = {
        "",
        "[]",
        "{",
        "{\"join\":{}}",
        "{\"join\":[1]}",
        "{\"join\":[[\"a\",\"u\",\"n\"]]}",
        "{\"join\":[[\"a\",\"u\",\"n\",\"x\"]]}",
        "{\"join\":[[\"a\",\"u\",\"n\",\"mm\"]]}",
        "{\"join\":[[\"a\",\"u\",1,\"m\"]]}",
        "{\"join\":[[\"a\",\"u\",\"n\",\"m\"]],\"leave\":[[]]}",
        "{\"leave\":[[\"\xff\",\"u\",\"n\",\"m\"]]}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct presence_pushes pushes;
        assert_true(decode(cases[i], 10, &pushes) < 0);
        assert_int_equal(pushes.all.length, 0);
    }
}

static void test_field(void **state)
{
    struct presence_person person;
    (void)state;
    assert_true(presence_field_split("usr_1/c-2", 9, &person));
    assert_int_equal(person.user.length, 5);
    assert_memory_equal(person.client.bytes, "c-2", 3);
    assert_false(presence_field_split("usr_1", 5, &person));
    assert_false(presence_field_split("u/\xff", 3, &person));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_person),
        cmocka_unit_test(test_pushes),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
