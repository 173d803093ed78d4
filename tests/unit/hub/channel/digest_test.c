/* The digest against another computation of it: from the encoded JSON, parsed. */
#include "tests/unit/test.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "hub/channel/digest.h"
#include "hub/channel/metric_document.h"
#include "tests/unit/hub/random.h"

#define F0 FIELD_BIT(FIELD_F0)
#define F2 FIELD_BIT(FIELD_F2)
#define MINUTE INT64_C(28333333)
#define NOW_MS (MINUTE * 60000 + 30000)

/* ---- the other computation ---- */

/* ECMAScript's Number::toString for what occurs here: at least 1e-6, less than 1e21. */
static void print_number(double value, char out[64])
{
    char text[64];
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (!strchr(text, 'e')) {
        (void)snprintf(out, 64, "%s", text);
        return;
    }
    if (fabs(value) < 1) {
        (void)snprintf(out, 64, "%.6f", value); /* one digit, as millionths are */
        return;
    }
    (void)snprintf(out, 64, "%.0f", value); /* exact; digits beyond the shortest become zeros */
    size_t significant = 0, at = 0;
    for (const char *digit = text; *digit != 'e'; digit++)
        significant += *digit >= '0' && *digit <= '9';
    for (char *digit = out; *digit; digit++) {
        if (*digit == '-')
            continue;
        if (at < significant)
            *digit = text[at + (at > 0) + (value < 0)]; /* past the point and the sign */
        else
            *digit = '0';
        at++;
    }
}

static uint32_t hash_leaf(const char *path, const json_t *value)
{
    char leaf[4096];
    char number[64];
    if (json_is_string(value)) {
        (void)snprintf(leaf, sizeof(leaf), "%s=\"%s", path, json_string_value(value));
    } else {
        assert_true(json_is_number(value));
        print_number(json_number_value(value), number);
        (void)snprintf(leaf, sizeof(leaf), "%s=%s", path, number);
    }
    return XXH32(leaf, strlen(leaf), 0);
}

// NOLINTNEXTLINE(misc-no-recursion): a tree
static uint32_t sum_of(const char *path, json_t *value)
{
    uint32_t sum = 0;
    const char *name;
    json_t *member;
    if (!json_is_object(value))
        return hash_leaf(path, value);
    json_object_foreach(value, name, member)
    {
        char below[2048];
        (void)snprintf(below, sizeof(below), "%s%s%s", path, *path ? "/" : "", name);
        sum += sum_of(below, member);
    }
    return sum;
}

static uint32_t sum_of_text(const struct buffer *members)
{
    struct buffer text = BUFFER_INIT;
    buffer_append(&text, "{", 1);
    buffer_append(&text, members->data, members->length);
    buffer_append(&text, "}", 1);
    json_t *root = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    uint32_t sum = sum_of("", root);
    json_decref(root);
    buffer_done(&text);
    return sum;
}

/* ---- numbers ---- */

static void prints(void (*append)(struct buffer *, int64_t), int64_t value, const char *expected)
{
    struct buffer out = BUFFER_INIT;
    buffer_append(&out, "x", 1);
    append(&out, value);
    buffer_append(&out, "", 1);
    assert_string_equal(out.data, expected);
    buffer_done(&out);
}

/* Each as Node prints it. */
static void numbers_are_as_in_javascript(void **unused)
{
    (void)unused;
    prints(digest_append_integer, 0, "x0");
    prints(digest_append_integer, -17, "x-17");
    prints(digest_append_integer, INT64_C(9007199254740991), "x9007199254740991");
    prints(digest_append_integer, INT64_C(9007199254740993), "x9007199254740992");
    prints(digest_append_integer, INT64_MAX, "x9223372036854776000");
    prints(digest_append_integer, INT64_MIN, "x-9223372036854776000");
    prints(digest_append_integer, INT64_C(1000000000000000), "x1000000000000000");
    prints(digest_append_integer, INT64_C(-1234567890123456789), "x-1234567890123456800");
    prints(digest_append_micros, 0, "x0");
    prints(digest_append_micros, 1, "x0.000001");
    prints(digest_append_micros, -1250000, "x-1.25");
    prints(digest_append_micros, INT64_C(9007199254740993), "x9007199254.740993");
    prints(digest_append_micros, INT64_C(1234567890123456789), "x1234567890123.4568");
    prints(digest_append_micros, INT64_C(-9000000000000000000), "x-9000000000000");
}

/* ---- metrics ---- */

static void add(struct metric_scope *scope, const char *code, int64_t minute, int64_t cost_micros)
{
    char text[512];
    int count = random_next() % 9 + 1;
    (void)snprintf(text, sizeof(text),
                   "{\"at\":1,\"partner\":\"%s\",\"m\":[[%" PRId64 ",%d,%d,%d,0,0,%d,0,%" PRId64
                   ",0,0]],\"d\":[[%" PRId64 ",%d,%d]]}",
                   code, minute, count, count, count % 3, count * 1000, cost_micros, minute,
                   random_next() % 100000 + 1, count);
    struct feed_delta *delta = NULL;
    assert_int_equal(feed_delta_decode(text, strlen(text), &delta), 0);
    metric_scope_apply(scope, delta);
    feed_delta_unref(delta);
}

static void compare_documents(struct metric_scope *scope, const struct partner_names *names,
                              struct document *document)
{
    static const uint32_t masks[] = {F0, F2, F0 | F2};
    metric_document_render(scope, document);
    for (size_t i = 0; i < ARRAY_LENGTH(masks); i++) {
        struct buffer members = BUFFER_INIT;
        (void)document_encode(&metric_document_kind, names, document, masks[i], &members);
        assert_int_equal(digest_document(&metric_document_kind, names, document, masks[i]),
                         sum_of_text(&members));
        buffer_done(&members);
    }
}

static void metrics_as_from_their_json(void **unused)
{
    (void)unused;
    random_seed(31);
    for (int scope_number = 0; scope_number < 4; scope_number++) {
        struct partner_names names = {0};
        struct metric_scope *scope = metric_scope_new(scope_number % 2, &names, NOW_MS, 900000);
        struct document document = {0};
        compare_documents(scope, &names, &document);
        for (int round = 0; round < 60; round++) {
            char code[16];
            (void)snprintf(code, sizeof(code), "P%d", random_next() % (scope_number ? 30 : 1));
            if (random_next() % 8 == 0)
                partner_names_set(&names, code, "\"Größe\" \\ 2/3 \xF0\x9F\x8E\xAC");
            add(scope, code, MINUTE - random_next() % 50000,
                (int64_t)random_next() * (random_next() % 2 ? 1 : 1000000));
            compare_documents(scope, &names, &document);
        }
        document_done(&document);
        metric_scope_free(scope);
        partner_names_done(&names);
    }
}

static void any_change_is_another_digest(void **unused)
{
    (void)unused;
    struct partner_names names = {0};
    struct metric_scope *scope = metric_scope_new(true, &names, NOW_MS, 900000);
    struct document document = {0};
    random_seed(5);
    for (int i = 0; i < 20; i++)
        add(scope, "ALPHA", MINUTE - i, 31337117);
    metric_document_render(scope, &document);
    uint32_t before = digest_document(&metric_document_kind, &names, &document, F0);
    for (size_t i = 0; i < document.count; i += 7) {
        struct document_leaf *leaf = &document.leaves[i];
        if (leaf->type == DOCUMENT_NAME)
            continue; /* its value is an index */
        leaf->value++;
        uint32_t after = digest_document(&metric_document_kind, &names, &document, F0);
        assert_true((after == before) == (leaf->class == FIELD_F2));
        leaf->value--;
    }
    assert_int_equal(digest_document(&metric_document_kind, &names, &document, F0), before);
    document_done(&document);
    metric_scope_free(scope);
    partner_names_done(&names);
}

/* ---- jobs ---- */

static void put_random_job(struct job_state *state)
{
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:I}", "id", "P/?", "partner", "P\xC3\xA4", "requested_at",
                  (json_int_t)random_next(), "updated_at", (json_int_t)random_next());
    char id[32];
    (void)snprintf(id, sizeof(id), "P/%d/\"%d", random_next() % 150, random_next() % 2);
    json_object_set_new(object, "id", json_string(id));
    if (random_next() % 2)
        json_object_set_new(object, "prompt", json_string("a \"prompt\"\n\twith \xE2\x82\xAC = /"));
    if (random_next() % 2)
        json_object_set_new(object, "end_user", json_string(""));
    if (random_next() % 2)
        json_object_set_new(object, "cost_micros", json_integer((json_int_t)random_next() * 4000));
    if (random_next() % 2)
        json_object_set_new(object, "tokens", json_integer(INT64_C(1) << 53));
    struct job_row *row = NULL;
    assert_int_equal(job_row_read(object, &row), 0);
    job_state_put(state, row);
    job_row_unref(row);
    json_decref(object);
}

static void jobs_as_from_their_json(void **unused)
{
    (void)unused;
    struct job_state state = {0};
    struct job_picture picture = {0};
    random_seed(77);
    assert_int_equal(digest_jobs(&picture, F0), 0);
    for (int round = 0; round < 120; round++) {
        put_random_job(&state);
        job_picture_clear(&picture);
        job_picture_take(&picture, &state);
        for (uint32_t mask = 1; mask < 16; mask++) {
            struct buffer members = BUFFER_INIT;
            job_picture_encode(&picture, mask, &members);
            assert_int_equal(digest_jobs(&picture, mask), sum_of_text(&members));
            buffer_done(&members);
        }
    }
    job_picture_clear(&picture);
    job_state_clear(&state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_are_as_in_javascript),
                                       cmocka_unit_test(metrics_as_from_their_json),
                                       cmocka_unit_test(any_change_is_another_digest),
                                       cmocka_unit_test(jobs_as_from_their_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
