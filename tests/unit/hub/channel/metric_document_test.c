#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hub/channel/metric_document.h"
#include "tests/unit/hub/merge_patch.h"

#define MINUTE INT64_C(28333333)
#define NOW_MS (MINUTE * 60000 + 30000)
#define STUCK_MS 900000
#define F0 FIELD_BIT(FIELD_F0)
#define F2 FIELD_BIT(FIELD_F2)

static void add(struct metric_scope *scope, const char *code, int64_t minute, int requested,
                int64_t cost_micros)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "{\"at\":1,\"partner\":\"%s\",\"m\":[[%" PRId64 ",%d,%d,0,0,0,0,0,%" PRId64
                   ",0,0]],\"d\":[[%" PRId64 ",1000,%d]]}",
                   code, minute, requested, requested, cost_micros, minute, requested);
    struct feed_delta *delta = NULL;
    assert_int_equal(feed_delta_decode(text, strlen(text), &delta), 0);
    metric_scope_apply(scope, delta);
    feed_delta_unref(delta);
}

static json_t *encode(const struct partner_names *names, const struct document *document,
                      uint32_t mask)
{
    struct buffer out = BUFFER_INIT;
    buffer_append(&out, "{", 1);
    (void)document_encode(&metric_document_kind, names, document, mask, &out);
    buffer_append(&out, "}", 1);
    json_t *root = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    buffer_done(&out);
    return root;
}

static const json_t *at(const json_t *root, const char *path)
{
    char copy[128];
    (void)snprintf(copy, sizeof(copy), "%s", path);
    char *rest = copy;
    while (root && rest) {
        const char *step = strsep(&rest, "/");
        root = json_object_get(root, step);
    }
    return root;
}

static int64_t number(const json_t *root, const char *path)
{
    const json_t *value = at(root, path);
    if (!json_is_integer(value))
        fail_msg("%s is not an integer", path);
    return json_integer_value(value);
}

static void has_the_agreed_shape(void **unused)
{
    (void)unused;
    struct partner_names names = {0};
    struct metric_scope *scope = metric_scope_new(true, &names, NOW_MS, STUCK_MS);
    struct document document = {0};
    partner_names_set(&names, "ALPHA", "Alpha \"Film\"");
    add(scope, "ALPHA", MINUTE, 3, 1250000);
    metric_document_render(scope, &document);
    json_t *root = encode(&names, &document, F0 | F2);
    assert_int_equal(number(root, "now/stuck_after_ms"), STUCK_MS);
    assert_null(at(root, "now/oldest_at"));
    assert_int_equal(number(root, "windows/5m/requested"), 3);
    assert_int_equal(number(root, "windows/30d/completed"), 3);
    assert_int_equal(number(root, "windows/1h/p95_ms"), 1000);
    assert_null(at(root, "windows/1h/queue_p95_ms"));
    assert_true(json_number_value(at(root, "windows/24h/cost")) == 1.25);
    assert_true(json_number_value(at(root, "windows/24h/success_rate")) == 1.0);
    assert_int_equal(json_object_size(at(root, "series/minute")), 60);
    assert_int_equal(json_object_size(at(root, "series/hour")), 24);
    assert_int_equal(json_object_size(at(root, "series/day")), 30);
    const char *partial = json_string_value(at(root, "partial/minute"));
    char path[128];
    (void)snprintf(path, sizeof(path), "series/minute/%s/requested", partial);
    assert_int_equal(number(root, path), 3);
    assert_string_equal(json_string_value(at(root, "partners/ALPHA/name")), "Alpha \"Film\"");
    assert_int_equal(number(root, "partners/ALPHA/windows/24h/p95_ms"), 1000);
    json_decref(root);
    document_done(&document);
    metric_scope_free(scope);
    partner_names_done(&names);
}

static void cost_needs_its_class(void **unused)
{
    (void)unused;
    struct partner_names names = {0};
    struct metric_scope *scope = metric_scope_new(false, &names, NOW_MS, STUCK_MS);
    struct document document = {0};
    add(scope, "ALPHA", MINUTE, 1, 31337117);
    metric_document_render(scope, &document);
    json_t *root = encode(&names, &document, F0);
    char *text = json_dumps(root, 0);
    assert_null(strstr(text, "cost"));
    assert_null(strstr(text, "31.337117"));
    assert_null(at(root, "partners"));
    free(text);
    json_decref(root);
    document_done(&document);
    metric_scope_free(scope);
    partner_names_done(&names);
}

static void the_rest_is_summed_as_other(void **unused)
{
    (void)unused;
    struct partner_names names = {0};
    struct metric_scope *scope = metric_scope_new(true, &names, NOW_MS, STUCK_MS);
    struct document document = {0};
    for (int i = 0; i < 25; i++) {
        char code[16];
        (void)snprintf(code, sizeof(code), "P%02d", i);
        add(scope, code, MINUTE, 100 - i, 0);
    }
    metric_document_render(scope, &document);
    json_t *root = encode(&names, &document, F0);
    assert_int_equal(json_object_size(at(root, "partners")), METRIC_TOP_PARTNERS + 1);
    assert_null(at(root, "partners/P20"));
    assert_int_equal(number(root, "partners/_other/windows/1h/requested"), 80 + 79 + 78 + 77 + 76);
    assert_in_range(number(root, "partners/_other/windows/1h/p95_ms"), 990, 1010);
    assert_null(at(root, "partners/_other/name"));
    json_decref(root);
    document_done(&document);
    metric_scope_free(scope);
    partner_names_done(&names);
}

/* A minute passes: the series drops a bucket as a whole, and the patched state is the new one. */
static void sliding_is_a_patch(void **unused)
{
    (void)unused;
    struct partner_names names = {0};
    struct metric_scope *scope = metric_scope_new(true, &names, NOW_MS, STUCK_MS);
    struct document before = {0}, after = {0}, difference = {0};
    add(scope, "ALPHA", MINUTE - 59, 3, 10);
    add(scope, "BETA", MINUTE - 4, 2, 10);
    metric_document_render(scope, &before);
    metric_scope_advance(scope, NOW_MS + 60000);
    metric_document_render(scope, &after);
    document_diff(&metric_document_kind, &before, &after, &difference);
    json_t *old = encode(&names, &before, F0), *new = encode(&names, &after, F0);
    json_t *patch = encode(&names, &difference, F0);
    json_t *patched = merge_patch(old, patch);
    assert_true(json_equal(patched, new));
    assert_true(json_object_size(at(patch, "series/minute")) == 2);
    assert_int_equal(number(patch, "windows/5m/requested"), 0);
    json_decref(old);
    json_decref(new);
    json_decref(patch);
    json_decref(patched);
    document_done(&before);
    document_done(&after);
    document_done(&difference);
    metric_scope_free(scope);
    partner_names_done(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_agreed_shape), cmocka_unit_test(cost_needs_its_class),
        cmocka_unit_test(the_rest_is_summed_as_other), cmocka_unit_test(sliding_is_a_patch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
