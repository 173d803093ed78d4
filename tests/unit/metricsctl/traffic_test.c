#include "tests/unit/test.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/traffic.h"
#include "shared/base/time.h"

#define START_MS 1763726400000
#define RUN_MS 3600000

static const char *const partners[] = {"A", "B", "C"};

static struct traffic *begin(uint64_t seed)
{
    const struct traffic_options options = {.partners = partners,
                                            .partner_count = 3,
                                            .rate = 10,
                                            .seed = seed,
                                            .start_ms = START_MS,
                                            .present_ms = START_MS};

    return traffic_new(&options);
}

static json_t *next_event(struct traffic *traffic, int64_t *last_ms)
{
    struct buffer text = BUFFER_INIT;
    int64_t at_ms = traffic_next_ms(traffic), said_us;
    char source[32];

    assert_true(at_ms >= *last_ms);
    *last_ms = at_ms;
    snprintf(source, sizeof(source), "/simulate/%s", partners[traffic_next_partner(traffic)]);
    traffic_emit(traffic, &text);
    json_t *event = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
    buffer_done(&text);
    assert_non_null(event);
    assert_string_equal(json_string_value(json_object_get(event, "source")), source);
    const char *time = json_string_value(json_object_get(event, "time"));
    assert_int_equal(time_parse_rfc3339(time, strlen(time), &said_us), 0);
    assert_int_equal(said_us, at_ms * 1000);
    return event;
}

static bool is_type(const json_t *event, const char *type)
{
    return strcmp(json_string_value(json_object_get(event, "type")), type) == 0;
}

/* Walks an hour of events and counts the jobs of which nothing final was said. */
static void test_an_hour(void **state)
{
    struct traffic *traffic = begin(3);
    json_t *open = json_object(), *ids = json_object();
    int64_t last_ms = START_MS;
    size_t events = 0;
    bool ended = false;

    (void)state;
    while (traffic_next_ms(traffic) != INT64_MAX) {
        if (!ended && traffic_next_ms(traffic) >= START_MS + RUN_MS) {
            traffic_end(traffic, START_MS + RUN_MS);
            ended = true;
            continue;
        }
        json_t *event = next_event(traffic, &last_ms);
        const char *id = json_string_value(json_object_get(event, "id"));
        const char *job = json_string_value(json_object_get(json_object_get(event, "data"), "job"));
        assert_null(json_object_get(ids, id));
        json_object_set_new(ids, id, json_true());
        if (is_type(event, "generation.requested"))
            json_object_set_new(open, job, json_true());
        else if (is_type(event, "generation.completed") || is_type(event, "generation.failed") ||
                 is_type(event, "generation.cancelled"))
            json_object_del(open, job);
        json_decref(event);
        events++;
    }
    /* 10 per second, within what waves and chance do in an hour. */
    assert_in_range(events, 36000 / 2, 36000 * 2);
    /* Only the few that are lost stay open. */
    assert_in_range(json_object_size(open), 0, events / 8 / 100);
    json_decref(open);
    json_decref(ids);
    traffic_free(traffic);
}

static void test_a_seed_is_a_story(void **state)
{
    struct traffic *first = begin(5), *again = begin(5);
    int64_t last_ms = START_MS, again_ms = START_MS;

    (void)state;
    for (int i = 0; i < 500; i++) {
        json_t *a = next_event(first, &last_ms), *b = next_event(again, &again_ms);
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
    }
    traffic_free(first);
    traffic_free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_hour),
        cmocka_unit_test(test_a_seed_is_a_story),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
