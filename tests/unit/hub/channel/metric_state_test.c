#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/metric_state.h"
#include "shared/base/buffer.h"
#include "tests/unit/hub/random.h"

#define MINUTE INT64_C(28333333)
#define NOW_MS (MINUTE * 60000 + 30000)
#define STUCK_MS 900000

static struct feed_delta *delta_of(const char *members)
{
    struct buffer text = BUFFER_INIT;
    struct feed_delta *delta = NULL;
    buffer_printf(&text, "{\"at\":%" PRId64 ",\"partner\":\"P\",%s}", NOW_MS, members);
    assert_int_equal(feed_delta_decode(text.data, text.length, &delta), 0);
    buffer_done(&text);
    return delta;
}

static void apply(struct metric_state *state, const char *format, ...)
{
    char members[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(members, sizeof(members), format, arguments);
    va_end(arguments);
    struct feed_delta *delta = delta_of(members);
    metric_state_apply(state, delta);
    feed_delta_unref(delta);
}

static void assert_same(const struct metric_state *a, const struct metric_state *b)
{
    char field[200] = "";
    if (!metric_state_equal(a, b, field, sizeof(field)))
        fail_msg("%s", field);
}

static void add_requests(struct metric_state *state, int64_t minute, int64_t n)
{
    apply(state, "\"m\":[[%" PRId64 ",%" PRId64 ",0,0,0,0,0,0,0,0,0]]", minute, n);
}

static int64_t requested(const struct metric_state *state, enum window window)
{
    return state->windows[window].counters[COUNTER_REQUESTED];
}

static void windows_hold_whole_minutes(void **unused)
{
    (void)unused;
    struct metric_state *state = metric_state_new(NOW_MS, STUCK_MS);
    add_requests(state, MINUTE, 1);
    add_requests(state, MINUTE - 4, 2);    /* the oldest of five minutes */
    add_requests(state, MINUTE - 5, 4);    /* no longer */
    add_requests(state, MINUTE - 1439, 8); /* the oldest of a day */
    add_requests(state, MINUTE - 1440, 16);
    assert_int_equal(requested(state, WINDOW_5M), 3);
    assert_int_equal(requested(state, WINDOW_1H), 7);
    assert_int_equal(requested(state, WINDOW_24H), 15);
    assert_int_equal(requested(state, WINDOW_30D), 31);
    metric_state_free(state);
}

static void time_alone_moves_windows(void **unused)
{
    (void)unused;
    struct metric_state *state = metric_state_new(NOW_MS, STUCK_MS);
    add_requests(state, MINUTE, 1);
    apply(state, "\"d\":[[%" PRId64 ",1000,1]]", MINUTE);
    metric_state_advance(state, NOW_MS + INT64_C(4) * 60000);
    assert_int_equal(requested(state, WINDOW_5M), 1);
    metric_state_advance(state, NOW_MS + INT64_C(5) * 60000);
    assert_int_equal(requested(state, WINDOW_5M), 0);
    assert_int_equal(metric_state_quantile(state, WINDOW_5M, SAMPLE_DURATION, QUANTILE_95), -1);
    assert_int_equal(requested(state, WINDOW_1H), 1);
    metric_state_advance(state, NOW_MS + INT64_C(86400000));
    assert_int_equal(requested(state, WINDOW_24H), 0);
    assert_int_equal(requested(state, WINDOW_30D), 1);
    metric_state_advance(state, NOW_MS + INT64_C(86400000) * 40); /* beyond every ring */
    assert_int_equal(requested(state, WINDOW_30D), 0);
    struct metric_state *fresh = metric_state_new(NOW_MS + INT64_C(86400000) * 40, STUCK_MS);
    assert_same(state, fresh);
    metric_state_free(fresh);
    metric_state_free(state);
}

static void an_event_ahead_of_the_clock_counts_once(void **unused)
{
    (void)unused;
    struct metric_state *state = metric_state_new(NOW_MS, STUCK_MS);
    add_requests(state, MINUTE + 3, 1);
    assert_int_equal(requested(state, WINDOW_5M), 1);
    metric_state_advance(state, NOW_MS + INT64_C(7) * 60000);
    assert_int_equal(requested(state, WINDOW_5M), 1);
    metric_state_advance(state, NOW_MS + INT64_C(8) * 60000);
    assert_int_equal(requested(state, WINDOW_5M), 0);
    metric_state_free(state);
}

static void few_samples_are_exact_many_are_sketched(void **unused)
{
    (void)unused;
    struct metric_state *state = metric_state_new(NOW_MS, STUCK_MS);
    for (int64_t ms = 1; ms <= 1000; ms++)
        apply(state, "\"d\":[[%" PRId64 ",%" PRId64 ",1]]", MINUTE, ms * 10);
    assert_int_equal(metric_state_quantile(state, WINDOW_24H, SAMPLE_DURATION, QUANTILE_95), 9500);
    assert_int_equal(metric_state_quantile(state, WINDOW_24H, SAMPLE_DURATION, QUANTILE_50), 5000);
    apply(state, "\"d\":[[%" PRId64 ",10010,1]]", MINUTE);
    int64_t p95 = metric_state_quantile(state, WINDOW_24H, SAMPLE_DURATION, QUANTILE_95);
    assert_in_range(p95, 9510 * 99 / 100, 9510 * 101 / 100);
    metric_state_free(state);
}

static void open_jobs_get_stuck(void **unused)
{
    (void)unused;
    struct metric_state *state = metric_state_new(NOW_MS, STUCK_MS);
    int64_t second = NOW_MS / 1000;
    apply(state, "\"s\":[0,1,1],\"o\":[[%" PRId64 ",1],[%" PRId64 ",1]]", second - 900,
          second - 890);
    assert_int_equal(state->open.stuck, 0);
    metric_state_advance(state, NOW_MS + 1000);
    assert_int_equal(state->open.stuck, 1);
    metric_state_advance(state, NOW_MS + 11000);
    assert_int_equal(state->open.stuck, 2);
    assert_int_equal(metric_state_oldest_ms(state), (second - 900) * 1000);
    assert_int_equal(metric_state_in_flight(state), 2);
    metric_state_free(state);
}

/* ---- properties ---- */

enum { DELTAS = 400 };

static struct feed_delta *random_delta(void)
{
    char members[512];
    int64_t minute = MINUTE - random_next() % 3000 + 2, older = MINUTE - random_next() % 50000;
    (void)snprintf(members, sizeof(members),
                   "\"m\":[[%" PRId64 ",%d,%d,1,0,0,7,1,%d,0,1],[%" PRId64 ",1,1,0,0,0,0,0,0,0,0]],"
                   "\"d\":[[%" PRId64 ",%d,1]],\"q\":[[%" PRId64 ",%d,%d]],\"s\":[%d,0,1],"
                   "\"o\":[[%" PRId64 ",%d]],\"u\":[[%" PRId64 ",1]]",
                   minute, random_next() % 5, random_next() % 5, random_next() % 1000, older,
                   minute, random_next() % 100000, older, random_next() % 1000,
                   1 + random_next() % 2, random_next() % 3, minute * 60 + random_next() % 60,
                   1 + random_next() % 2, minute);
    return delta_of(members);
}

static void shuffle(struct feed_delta **deltas, size_t count)
{
    for (size_t i = count - 1; i > 0; i--) {
        size_t j = (size_t)random_next() % (i + 1);
        struct feed_delta *swap = deltas[i];
        deltas[i] = deltas[j];
        deltas[j] = swap;
    }
}

/* Whatever the order, and wherever the clock moves in between, the same values come out. */
static void order_and_time_do_not_matter(void **unused)
{
    (void)unused;
    struct feed_delta *deltas[DELTAS];
    random_seed(11);
    for (size_t i = 0; i < DELTAS; i++)
        deltas[i] = random_delta();
    const int64_t end_ms = NOW_MS + INT64_C(37) * 60000;
    struct metric_state *reference = metric_state_new(end_ms, STUCK_MS);
    for (size_t i = 0; i < DELTAS; i++)
        metric_state_apply(reference, deltas[i]);
    for (int round = 0; round < 5; round++) {
        shuffle(deltas, DELTAS);
        struct metric_state *state = metric_state_new(NOW_MS, STUCK_MS);
        for (size_t i = 0; i < DELTAS; i++) {
            metric_state_apply(state, deltas[i]);
            if (i % 10 == 0)
                metric_state_advance(state, NOW_MS + (end_ms - NOW_MS) * (int64_t)i / DELTAS);
        }
        metric_state_advance(state, end_ms);
        assert_same(state, reference);
        metric_state_free(state);
    }
    metric_state_free(reference);
    for (size_t i = 0; i < DELTAS; i++)
        feed_delta_unref(deltas[i]);
}

/* A comparison that never fails proves nothing. */
static void a_difference_is_found(void **unused)
{
    (void)unused;
    static const char *const members[] = {"\"m\":[[28333333,0,0,0,0,0,0,0,1,0,0]]",
                                          "\"d\":[[28333333,5,1]]",
                                          "\"q\":[[28333333,5,1]]",
                                          "\"s\":[0,1,0]",
                                          "\"o\":[[1700000000,1]]",
                                          "\"u\":[[28333333,1]]"};
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        char field[200] = "";
        struct metric_state *a = metric_state_new(NOW_MS, STUCK_MS);
        struct metric_state *b = metric_state_new(NOW_MS, STUCK_MS);
        apply(a, "%s", members[i]);
        assert_false(metric_state_equal(a, b, field, sizeof(field)));
        assert_false(metric_state_equal(b, a, field, sizeof(field)));
        assert_true(strlen(field) > 0);
        apply(b, "%s", members[i]);
        assert_same(a, b);
        metric_state_free(a);
        metric_state_free(b);
    }
}

static void a_snapshot_is_the_sum_of_its_deltas(void **unused)
{
    (void)unused;
    const char *text =
        "{\"code\":\"P\",\"minutes\":[[28333333,3,1,0,0,0,9,0,250,0,1]],"
        "\"hours\":[[472222,3,1,0,0,0,9,0,250,0,1]],\"d_minutes\":[[28333333,366,1]],"
        "\"d_hours\":[[472222,366,1]],\"q_minutes\":[],\"q_hours\":[],"
        "\"d_newest\":[[28333333,1500]],\"d_total\":1,\"q_newest\":[],\"q_total\":0,"
        "\"s\":[1,1,0],\"o\":[[1699999990,2]],\"u_minutes\":[[28333333,1]],\"u_hours\":[[472222,1]]"
        "}";
    json_t *partner = json_loads(text, 0, NULL);
    assert_non_null(partner);
    assert_int_equal(ddsketch_bin(1500), 366);
    struct metric_state *loaded = metric_state_new(NOW_MS, STUCK_MS);
    assert_int_equal(metric_state_load(loaded, partner), 0);
    json_decref(partner);
    struct metric_state *summed = metric_state_new(NOW_MS, STUCK_MS);
    apply(summed,
          "\"m\":[[%" PRId64 ",3,1,0,0,0,9,0,250,0,1]],\"d\":[[%" PRId64 ",1500,1]],"
          "\"s\":[1,1,0],\"o\":[[1699999990,2]],\"u\":[[%" PRId64 ",1]]",
          MINUTE, MINUTE, MINUTE);
    assert_same(loaded, summed);
    metric_state_free(loaded);
    metric_state_free(summed);
}

static void a_snapshot_of_another_shape_is_refused(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"{}", "{\"s\":[1,2]}", "{\"s\":[0,0,0],\"minutes\":[[1]]}",
                                        "{\"s\":[0,0,0],\"d_minutes\":[[28333333,99999,1]]}",
                                        "{\"s\":[0,0,0],\"o\":{}}"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        json_t *partner = json_loads(texts[i], 0, NULL);
        struct metric_state *state = metric_state_new(NOW_MS, STUCK_MS);
        assert_int_not_equal(metric_state_load(state, partner), 0);
        metric_state_free(state);
        json_decref(partner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_hold_whole_minutes),
        cmocka_unit_test(time_alone_moves_windows),
        cmocka_unit_test(an_event_ahead_of_the_clock_counts_once),
        cmocka_unit_test(few_samples_are_exact_many_are_sketched),
        cmocka_unit_test(open_jobs_get_stuck),
        cmocka_unit_test(order_and_time_do_not_matter),
        cmocka_unit_test(a_difference_is_found),
        cmocka_unit_test(a_snapshot_is_the_sum_of_its_deltas),
        cmocka_unit_test(a_snapshot_of_another_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
