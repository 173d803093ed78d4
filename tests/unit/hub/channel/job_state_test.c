#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/job_state.h"
#include "tests/unit/hub/merge_patch.h"
#include "tests/unit/hub/random.h"

#define ALL 0xFu

static struct job_row *row_of(const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    struct job_row *row = NULL;
    assert_int_equal(job_row_read(object, &row), 0);
    json_decref(object);
    return row;
}

static void put(struct job_state *state, int id, int requested_at, int progress, bool prompt)
{
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "{\"id\":\"P/%d\",\"partner\":\"P\",\"requested_at\":%d,\"progress\":%d%s}", id,
                   requested_at, progress,
                   prompt ? ",\"prompt\":\"canary\",\"cost_micros\":31337117" : "");
    struct job_row *row = row_of(text);
    job_state_put(state, row);
    job_row_unref(row);
}

static json_t *encode(const struct job_picture *picture, uint32_t mask)
{
    struct buffer out = BUFFER_INIT;
    buffer_append(&out, "{", 1);
    job_picture_encode(picture, mask, &out);
    buffer_append(&out, "}", 1);
    json_t *root = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    buffer_done(&out);
    return root;
}

static void shows_the_newest_hundred(void **unused)
{
    (void)unused;
    struct job_state state = {0};
    struct job_picture picture = {0};
    for (int i = 0; i < 300; i++)
        put(&state, i, (i * 7919) % 300, 0, false);
    assert_int_equal(state.count, JOB_STATE_HELD);
    job_picture_take(&picture, &state);
    assert_int_equal(picture.count, JOB_STATE_SHOWN);
    for (size_t i = 0; i < picture.count; i++)
        assert_true(picture.rows[i]->values[JOB_FIELD_REQUESTED_AT].number >= 200);
    put(&state, 999, 1, 0, false); /* older than all that are held */
    assert_int_equal(state.count, JOB_STATE_HELD);
    job_picture_clear(&picture);
    job_state_clear(&state);
}

static void classes_decide(void **unused)
{
    (void)unused;
    struct job_state state = {0};
    struct job_picture picture = {0};
    put(&state, 1, 10, 0, true);
    job_picture_take(&picture, &state);
    json_t *all = encode(&picture, ALL), *plain = encode(&picture, FIELD_BIT(FIELD_F0));
    const json_t *job = json_object_get(json_object_get(all, "jobs"), "P/1");
    assert_string_equal(json_string_value(json_object_get(job, "prompt")), "canary");
    assert_true(json_number_value(json_object_get(job, "cost")) == 31.337117);
    assert_null(json_object_get(job, "id"));
    char *text = json_dumps(plain, 0);
    assert_null(strstr(text, "canary"));
    assert_null(strstr(text, "cost"));
    free(text);
    json_decref(all);
    json_decref(plain);
    job_picture_clear(&picture);
    job_state_clear(&state);
}

static void patch_makes_the_new_picture(void **unused)
{
    (void)unused;
    static const uint32_t masks[] = {FIELD_BIT(FIELD_F0), ALL};
    struct job_state state = {0};
    struct job_picture before = {0}, after = {0};
    random_seed(9);
    for (int round = 0; round < 400; round++) {
        job_picture_clear(&before);
        job_picture_take(&before, &state);
        for (int i = random_next() % 5; i >= 0; i--)
            put(&state, random_next() % 150, random_next() % 1000, random_next() % 3,
                random_next() % 2);
        job_picture_clear(&after);
        job_picture_take(&after, &state);
        for (size_t i = 0; i < ARRAY_LENGTH(masks); i++) {
            struct buffer out = BUFFER_INIT;
            buffer_append(&out, "{", 1);
            bool any = job_picture_diff(&before, &after, masks[i], &out);
            buffer_append(&out, "}", 1);
            json_t *patch = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, NULL);
            json_t *old = encode(&before, masks[i]), *new = encode(&after, masks[i]);
            json_t *patched = merge_patch(old, patch);
            assert_true(json_equal(patched, new));
            assert_int_equal(any, !json_equal(old, new));
            json_decref(patch);
            json_decref(old);
            json_decref(new);
            json_decref(patched);
            buffer_done(&out);
        }
    }
    job_picture_clear(&before);
    job_picture_clear(&after);
    job_state_clear(&state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shows_the_newest_hundred),
                                       cmocka_unit_test(classes_decide),
                                       cmocka_unit_test(patch_makes_the_new_picture)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
