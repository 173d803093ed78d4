#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/channel/document.h"
#include "tests/unit/hub/merge_patch.h"
#include "tests/unit/hub/random.h"

/* A kind for the test: key = group (8 bits) | item (8) | field (8); fields 1..; classes by field.
 */
static size_t test_path(uint64_t key, struct document_step steps[DOCUMENT_MAX_DEPTH])
{
    size_t depth = 0;
    steps[depth++] = (struct document_step){0, (uint32_t)(key >> 16)};
    steps[depth++] = (struct document_step){1, (uint32_t)(key >> 8) & 0xFF};
    if (key & 0xFF)
        steps[depth++] = (struct document_step){2, (uint32_t)key & 0xFF};
    return depth;
}

static void test_name(const void *owner, struct document_step step, char out[DOCUMENT_NAME_SIZE])
{
    (void)owner;
    (void)snprintf(out, DOCUMENT_NAME_SIZE, "%c%u", "gif"[step.kind], step.value);
}

static const char *test_text(const void *owner, int64_t value)
{
    (void)owner;
    return value == 1 ? "one \"quoted\"" : "other";
}

static uint64_t test_container(uint64_t key)
{
    return key & ~UINT64_C(0xFF);
}

static const struct document_kind kind = {
    .path = test_path, .name = test_name, .text = test_text, .container = test_container};

static json_t *encode(const struct document *document, uint32_t mask)
{
    struct buffer out = BUFFER_INIT;
    buffer_append(&out, "{", 1);
    (void)document_encode(&kind, NULL, document, mask, &out);
    buffer_append(&out, "}", 1);
    json_error_t error;
    json_t *root = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%.*s: %s", (int)out.length, out.data, error.text);
    buffer_done(&out);
    return root;
}

static enum field_class class_of(uint64_t key)
{
    return (key & 3) == 3 ? FIELD_F2 : FIELD_F0;
}

static void add(struct document *document, uint64_t key, int64_t value)
{
    document_add(document, key, DOCUMENT_INTEGER, class_of(key), value);
}

static void nests_by_path(void **unused)
{
    (void)unused;
    struct document document = {0};
    add(&document, 0x010101, 5);
    document_add(&document, 0x010102, DOCUMENT_MICROS, FIELD_F0, -1250000);
    document_add(&document, 0x010201, DOCUMENT_NAME, FIELD_F0, 1);
    document_add(&document, 0x020101, DOCUMENT_QUOTED, FIELD_F0, 60);
    json_t *root = encode(&document, 1);
    json_t *expected = json_loads("{\"g1\":{\"i1\":{\"f1\":5,\"f2\":-1.25},"
                                  "\"i2\":{\"f1\":\"one \\\"quoted\\\"\"}},"
                                  "\"g2\":{\"i1\":{\"f1\":\"60\"}}}",
                                  0, NULL);
    assert_true(json_equal(root, expected));
    json_decref(root);
    json_decref(expected);
    document_done(&document);
}

static void micros_are_decimal_numbers(void **unused)
{
    (void)unused;
    static const struct {
        int64_t micros;
        const char *text;
    } cases[] = {{0, "0"},          {1, "0.000001"},
                 {-1, "-0.000001"}, {1000000, "1"},
                 {1500000, "1.5"},  {31337117, "31.337117"},
                 {10000000, "10"},  {INT64_MIN, "-9223372036854.775808"}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct buffer out = BUFFER_INIT;
        document_append_micros(&out, cases[i].micros);
        buffer_append(&out, "", 1);
        assert_string_equal(out.data, cases[i].text);
        buffer_done(&out);
    }
}

static void masks_hide_values_and_empty_objects(void **unused)
{
    (void)unused;
    struct document document = {0};
    add(&document, 0x010101, 1);
    add(&document, 0x010103, 31337);
    add(&document, 0x010203, 31337);
    json_t *root = encode(&document, FIELD_BIT(FIELD_F0));
    json_t *expected = json_loads("{\"g1\":{\"i1\":{\"f1\":1}}}", 0, NULL);
    assert_true(json_equal(root, expected));
    json_decref(root);
    json_decref(expected);
    struct buffer out = BUFFER_INIT;
    assert_false(document_encode(&kind, NULL, &document, FIELD_BIT(FIELD_F3), &out));
    assert_int_equal(out.length, 0);
    document_done(&document);
}

static void fill(struct document *document)
{
    document_clear(document);
    for (uint64_t group = 1; group <= 3; group++) {
        for (uint64_t item = 1; item <= 4; item++) {
            if (random_next() % 3 == 0)
                continue;
            add(document, group << 16 | item << 8 | 1, random_next() % 3); /* always there */
            for (uint64_t field = 2; field <= 5; field++) {
                if (random_next() % 2)
                    add(document, group << 16 | item << 8 | field, random_next() % 3);
            }
        }
    }
}

/* For every mask: the old document with the patch is the new document, with no empty remains. */
static void patch_makes_the_new_document(void **unused)
{
    (void)unused;
    static const uint32_t masks[] = {FIELD_BIT(FIELD_F0),
                                     FIELD_BIT(FIELD_F0) | FIELD_BIT(FIELD_F2)};
    struct document before = {0}, after = {0}, difference = {0};
    random_seed(3);
    for (int round = 0; round < 2000; round++) {
        fill(&before);
        fill(&after);
        document_diff(&kind, &before, &after, &difference);
        for (size_t i = 0; i < ARRAY_LENGTH(masks); i++) {
            json_t *old = encode(&before, masks[i]), *new = encode(&after, masks[i]);
            json_t *patch = encode(&difference, masks[i]);
            json_t *patched = merge_patch(old, patch);
            json_t *again = merge_patch(patched, patch);
            /* A group that lost its last item stays as an empty object: groups are fixed. */
            for (unsigned group = 1; group <= 3; group++) {
                char name[8];
                (void)snprintf(name, sizeof(name), "g%u", group);
                if (json_object_size(json_object_get(patched, name)) == 0)
                    json_object_del(patched, name);
                if (json_object_size(json_object_get(again, name)) == 0)
                    json_object_del(again, name);
            }
            if (!json_equal(patched, new) || !json_equal(again, new))
                fail_msg("round %d: %s", round, json_dumps(patch, 0));
            json_decref(old);
            json_decref(new);
            json_decref(patch);
            json_decref(patched);
            json_decref(again);
        }
    }
    document_done(&before);
    document_done(&after);
    document_done(&difference);
}

static void no_change_is_no_patch(void **unused)
{
    (void)unused;
    struct document before = {0}, difference = {0};
    random_seed(5);
    fill(&before);
    document_diff(&kind, &before, &before, &difference);
    assert_int_equal(difference.count, 0);
    document_done(&before);
    document_done(&difference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nests_by_path), cmocka_unit_test(micros_are_decimal_numbers),
        cmocka_unit_test(masks_hide_values_and_empty_objects),
        cmocka_unit_test(patch_makes_the_new_document), cmocka_unit_test(no_change_is_no_patch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
