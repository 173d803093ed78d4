/* metricsctl simulate: posts made-up traffic of the partners in the key file until SIGTERM, SIGINT
 * or --duration; then cancels the jobs that are open, so that none stays behind as stuck. While the
 * server is away it waits with at most two batches per partner in memory, and then catches up. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/command.h"
#include "metricsctl/keys_file.h"
#include "metricsctl/poster.h"
#include "metricsctl/traffic.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define NAME "metricsctl simulate"
#define BATCH 200
#define MAX_WAIT_MS 100
#define DRAIN_MS 3000
#define REPORT_MS 60000

struct options {
    char *url, *keys;
    int64_t rate, seed, duration_ms, history_ms;
};

static const struct setting settings[] = {
    {.name = "url",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, url),
     .default_value = "http://127.0.0.1:8080",
     .minimum = 1,
     .maximum = 400,
     .help = "metrics-ingest"},
    {.name = "keys",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, keys),
     .minimum = 1,
     .maximum = 4000,
     .help = "JSON file {\"CODE\": \"API key\"}, mode 0600; the first partner is the busiest"},
    {.name = "rate",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct options, rate),
     .default_value = "10",
     .minimum = 1,
     .maximum = 100000,
     .help = "events per second, on average over a day"},
    {.name = "duration",
     .type = SETTING_DURATION,
     .offset = offsetof(struct options, duration_ms),
     .default_value = "0",
     .maximum = 365LL * 86400 * 1000,
     .help = "how long; 0 = until stopped"},
    {.name = "history",
     .type = SETTING_DURATION,
     .offset = offsetof(struct options, history_ms),
     .default_value = "0",
     .maximum = 34LL * 86400 * 1000,
     .help = "begin this long ago, as fast as it goes, with thinner traffic the older it is"},
    {.name = "seed",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct options, seed),
     .default_value = "0",
     .maximum = INT64_MAX,
     .help = "for the same traffic again; 0 = another one each time"},
};

static const struct settings_table table = {
    NAME, "Posts realistic traffic of video generation until stopped.", settings,
    ARRAY_LENGTH(settings)};

/* A partner: the batch that is being filled while the one before is under way. */
struct lane {
    const char *code, *key;
    struct post *post;
    bool in_flight, closed;
};

struct simulation {
    struct options options;
    json_t *keys;
    const char **codes;
    struct lane *lanes;
    size_t lane_count, closed_count;
    struct traffic *traffic;
    struct poster *poster;
    uint64_t accepted, duplicates, rejected;
    struct log_limit reject_limit;
    int64_t report_at_ms;
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static void close_lane(struct simulation *simulation, struct lane *lane,
                       const struct post_result *result)
{
    log_error("partner=%s no more traffic: HTTP status %d: %s", lane->code, result->status,
              result->detail);
    lane->closed = true;
    simulation->closed_count++;
}

static void on_posted(void *owner, const struct post *post, const struct post_result *result)
{
    struct simulation *simulation = owner;
    struct lane *lane = post->tag;

    lane->in_flight = false;
    if (!result->judged) {
        close_lane(simulation, lane, result);
        return;
    }
    for (unsigned i = 0; i < post->count; i++) {
        simulation->accepted += post->verdicts[i] == POST_ACCEPTED;
        simulation->duplicates += post->verdicts[i] == POST_DUPLICATE;
        simulation->rejected += post->verdicts[i] == POST_REJECTED;
    }
    if (*result->detail)
        log_limited(&simulation->reject_limit, LOG_LEVEL_WARNING, "partner=%s rejected: %s",
                    lane->code, result->detail);
}

/* Takes what has happened by now into the partners' batches, as far as there is room. */
static void generate(struct simulation *simulation, int64_t now_ms)
{
    struct buffer nowhere = BUFFER_INIT;

    while (traffic_next_ms(simulation->traffic) <= now_ms) {
        struct lane *lane = &simulation->lanes[traffic_next_partner(simulation->traffic)];
        if (lane->closed) {
            traffic_emit(simulation->traffic, &nowhere);
            buffer_clear(&nowhere);
            continue;
        }
        if (!lane->post) {
            lane->post = post_new(lane->key, BATCH, lane);
            lane->post->count = 0;
        }
        if (lane->post->count == BATCH)
            break;
        buffer_append_text(&lane->post->body, lane->post->count++ ? "," : "[");
        traffic_emit(simulation->traffic, &lane->post->body);
    }
    buffer_done(&nowhere);
}

static void send_batches(struct simulation *simulation)
{
    for (size_t i = 0; i < simulation->lane_count; i++) {
        struct lane *lane = &simulation->lanes[i];
        if (!lane->post || lane->in_flight || lane->closed)
            continue;
        if (!poster_has_room(simulation->poster))
            return;
        buffer_append_text(&lane->post->body, "]");
        lane->in_flight = true;
        poster_send(simulation->poster, lane->post);
        lane->post = NULL;
    }
}

static bool is_idle(const struct simulation *simulation)
{
    for (size_t i = 0; i < simulation->lane_count; i++)
        if (simulation->lanes[i].post && !simulation->lanes[i].closed)
            return false;
    return poster_busy(simulation->poster) == 0;
}

static void step(struct simulation *simulation)
{
    int64_t now_ms = time_wall_ms(), wait_ms;

    generate(simulation, now_ms);
    send_batches(simulation);
    wait_ms = traffic_next_ms(simulation->traffic) - now_ms;
    if (wait_ms > MAX_WAIT_MS)
        wait_ms = MAX_WAIT_MS;
    poster_wait(simulation->poster, wait_ms > 0 ? (int)wait_ms : 1);
    if (now_ms >= simulation->report_at_ms) {
        log_info("accepted=%" PRIu64 " duplicates=%" PRIu64 " rejected=%" PRIu64
                 " retries=%" PRIu64,
                 simulation->accepted, simulation->duplicates, simulation->rejected,
                 poster_retries(simulation->poster));
        simulation->report_at_ms = now_ms + REPORT_MS;
    }
}

static int run(struct simulation *simulation)
{
    int64_t begin_ms = time_wall_ms(), duration_ms = simulation->options.duration_ms;
    int64_t end_ms = duration_ms ? begin_ms + duration_ms : INT64_MAX;

    simulation->report_at_ms = begin_ms + REPORT_MS;
    while (!stop_asked && time_wall_ms() < end_ms) {
        if (simulation->closed_count == simulation->lane_count)
            return command_failed(NAME, "no partner's key works");
        step(simulation);
    }
    int64_t now_ms = time_wall_ms();
    traffic_end(simulation->traffic, now_ms);
    while (time_wall_ms() < now_ms + DRAIN_MS &&
           (traffic_next_ms(simulation->traffic) != INT64_MAX || !is_idle(simulation)))
        step(simulation);
    printf("%" PRIu64 " events accepted, %" PRIu64 " duplicates, %" PRIu64 " rejected\n",
           simulation->accepted, simulation->duplicates, simulation->rejected);
    return simulation->rejected ? EXIT_FAILED : EXIT_DONE;
}

static int make_lanes(struct simulation *simulation)
{
    const char *code;
    json_t *key;
    size_t i = 0;

    simulation->keys = keys_load(NAME, simulation->options.keys);
    if (!simulation->keys)
        return EXIT_FAILED;
    simulation->lane_count = json_object_size(simulation->keys);
    if (simulation->lane_count == 0)
        return command_failed(NAME, "%s has no keys", simulation->options.keys);
    simulation->lanes = memory_array(simulation->lane_count, sizeof(*simulation->lanes));
    simulation->codes = memory_array(simulation->lane_count, sizeof(*simulation->codes));
    json_object_foreach(simulation->keys, code, key)
    {
        simulation->codes[i] = code;
        simulation->lanes[i++] = (struct lane){.code = code, .key = json_string_value(key)};
    }
    return 0;
}

static int simulate(struct simulation *simulation)
{
    const struct options *options = &simulation->options;
    const struct poster_options poster = {
        .url = options->url, .connections = 4, .on_posted = on_posted, .owner = simulation};
    int rc = make_lanes(simulation);

    if (rc)
        return rc;
    if (poster_new(&poster, &simulation->poster) != 0)
        return command_failed(NAME, "url: '%s' is no http or https URL", options->url);
    int64_t now_ms = time_wall_ms();
    const struct traffic_options traffic = {.partners = simulation->codes,
                                            .partner_count = simulation->lane_count,
                                            .rate = (double)options->rate,
                                            .seed = options->seed ? (uint64_t)options->seed
                                                                  : (uint64_t)time_wall_us(),
                                            .start_ms = now_ms - options->history_ms,
                                            .present_ms = now_ms};
    simulation->traffic = traffic_new(&traffic);
    return run(simulation);
}

int command_simulate(int argc, char **argv)
{
    struct simulation simulation = {.reject_limit = {.interval_ms = 10000}};
    const struct sigaction action = {.sa_handler = on_signal};
    int rc = command_options(&table, argc, argv, &simulation.options);

    if (rc)
        return rc;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    rc = simulate(&simulation);
    for (size_t i = 0; i < simulation.lane_count; i++)
        post_free(simulation.lanes[i].post);
    poster_free(simulation.poster);
    traffic_free(simulation.traffic);
    free(simulation.lanes);
    free(simulation.codes);
    json_decref(simulation.keys);
    settings_done(&table, &simulation.options);
    return rc;
}
