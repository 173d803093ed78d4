/* metricsctl replay: posts a recorded trace as CloudEvents. Two events per row: requested, and
 * completed or failed when it ended; a row that is still open in the trace never ends here either.
 * All times move by one constant, so that the trace ends at --end and every duration is kept.
 * --speed only paces the posting. Every event is accounted for: the command fails unless each one
 * was accepted, or named a duplicate of what was accepted before. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/command.h"
#include "metricsctl/keys_file.h"
#include "metricsctl/plan.h"
#include "metricsctl/poster.h"
#include "metricsctl/progress.h"
#include "metricsctl/trace.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define NAME "metricsctl replay"
#define WAIT_MS 50
#define CRASHES 3             /* of the chaos layer, spread over the run */
#define CHECKPOINT_ANSWERS 20 /* a crashed producer repeats what it did since the last one */
#define MAX_REPORTS 20

struct options {
    char *url, *keys, *speed, *end;
    int64_t partners, batch, connections, seed, patience_ms;
    bool chaos;
};

#define OPTION(member) .name = #member, .offset = offsetof(struct options, member)

static const struct setting settings[] = {
    {OPTION(url), .type = SETTING_TEXT, .default_value = "http://127.0.0.1:8080", .minimum = 1,
     .maximum = 400, .help = "metrics-ingest"},
    {OPTION(keys), .type = SETTING_TEXT, .minimum = 1, .maximum = 4000,
     .help = "JSON file {\"CODE\": \"API key\"}, mode 0600; `metricsctl replay-setup` makes one"},
    {OPTION(speed), .type = SETTING_TEXT, .default_value = "max", .minimum = 1, .maximum = 16,
     .help = "how many times faster than recorded, e.g. 600, or max"},
    {OPTION(partners), .type = SETTING_INTEGER, .default_value = "0", .maximum = 100000,
     .help = "this many tenants with most successes are partners of their own, the rest is OTHER; "
             "0: all with at least 40 successes"},
    {OPTION(end), .type = SETTING_TEXT, .default_value = "", .maximum = 40,
     .help = "when the trace's last event lies, RFC 3339; default now. Give the same time again to "
             "repeat a replay with the same events"},
    {OPTION(chaos), .type = SETTING_BOOLEAN, .default_value = "off",
     .help = "5 % duplicates, 5 % reordered, 1 % delayed, 0.1 % also damaged, and a producer that "
             "crashes and starts again"},
    {OPTION(seed), .type = SETTING_INTEGER, .default_value = "1", .maximum = INT64_MAX,
     .help = "of the chaos"},
    {OPTION(batch), .type = SETTING_INTEGER, .default_value = "200", .minimum = 1, .maximum = 1000,
     .help = "events per request, at most"},
    {OPTION(connections), .type = SETTING_INTEGER, .default_value = "4", .minimum = 1,
     .maximum = 64, .help = "requests under way at a time; one at most per partner"},
    {.name = "patience",
     .offset = offsetof(struct options, patience_ms),
     .type = SETTING_DURATION,
     .default_value = "5m",
     .minimum = 1000,
     .maximum = 86400000,
     .help = "how long to retry a request that gets no final answer"},
};

static const struct settings_table table = {
    NAME,
    "metricsctl replay FILE [OPTION...]: posts the events of a recorded trace\n"
    "(lora_request_trace.csv of alibaba/clusterdata, cluster-trace-v2026-GenAI).",
    settings, ARRAY_LENGTH(settings)};

/* A request under way: `count` deliveries of a lane. */
struct flight {
    size_t lane, first, count;
};

/* Where the producer is in a lane. */
struct cursor {
    const char *key;
    size_t next, checkpoint;
    bool in_flight;
    struct flight flight;
};

struct replay {
    struct options options;
    double speed; /* 0: max */
    int64_t shift_ms, started_us;
    struct trace trace;
    struct plan plan;
    struct cursor *cursors;
    struct poster *poster;
    json_t *keys;
    unsigned char *settled; /* per event number: accepted, or duplicate of an accepted one */
    uint64_t accepted, duplicates, rejected, refused_damaged, taken_damaged, requests, answers;
    unsigned crashes, reports;
    bool failed;
};

static void append_settings(struct buffer *out, const struct trace_row *row)
{
    buffer_printf(out, ",\"settings\":{\"loras\":%d", row->loras);
    if (row->steps >= 0)
        buffer_printf(out, ",\"steps\":%d", row->steps);
    if (row->prompt_length >= 0)
        buffer_printf(out, ",\"prompt_length\":%d", row->prompt_length);
    buffer_append_text(out, "}");
}

static void append_requested_data(struct buffer *out, const struct trace_row *row,
                                  enum damage damage)
{
    if (*row->model) {
        buffer_append_text(out, ",\"model\":");
        buffer_append_json_string(out, row->model, strlen(row->model));
    }
    buffer_append_text(out, ",\"entrypoint\":");
    buffer_append_json_string(out, row->entrypoint, strlen(row->entrypoint));
    buffer_printf(out, ",\"project\":\"%s\"", row->tenant);
    if (damage == DAMAGE_UNITS)
        buffer_append_text(out, ",\"units\":\"many\"");
    else if (row->units >= 0)
        buffer_printf(out, ",\"units\":%d", row->units);
    append_settings(out, row);
}

static const char *type_of(const struct trace_row *row, bool terminal)
{
    if (!terminal)
        return "requested";
    return row->status == TRACE_SUCCEEDED ? "completed" : "failed";
}

/* The same bytes for the same delivery, however often it is sent. */
static void append_event(const struct replay *replay, struct buffer *out,
                         const struct delivery *delivery)
{
    const struct trace_row *row = &replay->trace.rows[delivery->event / 2];
    bool terminal = delivery->event % 2;
    const char *type = type_of(row, terminal);
    char time[TIME_RFC3339_SIZE];

    time_format_rfc3339(
        ((terminal ? row->terminal_ms : row->requested_ms) + replay->shift_ms) * 1000, time);
    buffer_printf(out,
                  "{\"specversion\":\"%s\",\"id\":\"line-%u-%s\",\"source\":\"/replay\","
                  "\"type\":\"generation.%s\",\"time\":\"%s\",\"data\":{",
                  delivery->damage == DAMAGE_SPECVERSION ? "0.3" : "1.0", row->line, type,
                  delivery->damage == DAMAGE_TYPE ? "vanished" : type,
                  delivery->damage == DAMAGE_TIME ? "yesterday" : time);
    buffer_printf(out, "\"%s\":\"line-%u\"", delivery->damage == DAMAGE_NO_JOB ? "jab" : "job",
                  row->line);
    if (!terminal)
        append_requested_data(out, row, (enum damage)delivery->damage);
    else if (delivery->damage == DAMAGE_UNITS)
        buffer_append_text(out, ",\"units\":\"many\"");
    buffer_append_text(out, "}}");
}

static const struct delivery *delivery_at(const struct replay *replay, size_t lane, size_t index)
{
    return &replay->plan.lanes[lane].deliveries[index];
}

static void report(struct replay *replay, const char *code, const struct delivery *delivery,
                   const char *what)
{
    const struct trace_row *row = &replay->trace.rows[delivery->event / 2];

    if (replay->reports++ < MAX_REPORTS)
        command_failed(NAME, "partner %s, line %u, %s: %s", code, row->line,
                       type_of(row, delivery->event % 2), what);
}

static void take_verdict(struct replay *replay, const char *code, const struct delivery *delivery,
                         enum post_verdict verdict, const char *detail)
{
    bool rejected = verdict == POST_REJECTED;

    if (delivery->damage != DAMAGE_NONE) {
        replay->refused_damaged += rejected;
        replay->taken_damaged += !rejected;
        if (!rejected)
            report(replay, code, delivery, "the server took a damaged copy");
        return;
    }
    replay->accepted += verdict == POST_ACCEPTED;
    replay->duplicates += verdict == POST_DUPLICATE;
    replay->rejected += rejected;
    if (rejected)
        report(replay, code, delivery, detail);
    else
        replay->settled[delivery->event] = 1;
}

static bool is_cut(const struct replay *replay, const struct flight *flight)
{
    return delivery_at(replay, flight->lane, flight->first)->damage == DAMAGE_CUT;
}

static void take_checkpoint(struct replay *replay)
{
    for (size_t i = 0; i < replay->plan.lane_count; i++) {
        struct cursor *cursor = &replay->cursors[i];
        cursor->checkpoint = cursor->in_flight ? cursor->flight.first : cursor->next;
    }
}

static void on_posted(void *owner, const struct post *post, const struct post_result *result)
{
    struct replay *replay = owner;
    const struct flight *flight = post->tag;
    struct cursor *cursor = &replay->cursors[flight->lane];
    const char *code = replay->trace.partners[flight->lane].code;

    cursor->in_flight = false;
    if (++replay->answers % CHECKPOINT_ANSWERS == 0)
        take_checkpoint(replay);
    if (is_cut(replay, flight) && result->status == 400) {
        replay->refused_damaged++;
    } else if (!result->judged) {
        replay->failed = true;
        command_failed(NAME, "partner %s: HTTP status %d: %s", code, result->status,
                       result->detail);
    } else {
        for (unsigned i = 0; i < post->count; i++)
            take_verdict(replay, code, delivery_at(replay, flight->lane, flight->first + i),
                         post->verdicts[i], result->detail);
    }
}

/* How many deliveries of the lane make the next request. */
static size_t next_batch(const struct replay *replay, size_t lane, int64_t now_ms)
{
    const struct cursor *cursor = &replay->cursors[lane];
    size_t count = 0;

    while (cursor->next + count < replay->plan.lanes[lane].count &&
           count < (size_t)replay->options.batch) {
        const struct delivery *delivery = delivery_at(replay, lane, cursor->next + count);
        if (delivery->due_ms > now_ms)
            break;
        if (delivery->damage == DAMAGE_CUT)
            return count ? count : 1;
        count++;
    }
    return count;
}

static void send_batch(struct replay *replay, size_t lane, size_t count)
{
    struct cursor *cursor = &replay->cursors[lane];
    struct flight *flight = &cursor->flight;

    *flight = (struct flight){.lane = lane, .first = cursor->next, .count = count};
    struct post *post = post_new(cursor->key, (unsigned)count, flight);
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(&post->body, i ? "," : "[");
        append_event(replay, &post->body, delivery_at(replay, lane, cursor->next + i));
    }
    if (is_cut(replay, flight))
        post->body.length -= post->body.length / 3;
    else
        buffer_append_text(&post->body, "]");
    cursor->next += count;
    cursor->in_flight = true;
    replay->requests++;
    poster_send(replay->poster, post);
}

/* The lane that has waited longest for a connection, or lane_count. */
static size_t most_due_lane(const struct replay *replay, int64_t now_ms)
{
    size_t best = replay->plan.lane_count;
    int64_t best_due_ms = now_ms;

    for (size_t i = 0; i < replay->plan.lane_count; i++) {
        const struct cursor *cursor = &replay->cursors[i];
        if (cursor->in_flight || cursor->next == replay->plan.lanes[i].count)
            continue;
        int64_t due_ms = delivery_at(replay, i, cursor->next)->due_ms;
        if (due_ms <= best_due_ms) {
            best_due_ms = due_ms;
            best = i;
        }
    }
    return best;
}

/* The producer dies: requests are cut off, and what it did since its checkpoints is forgotten. */
static void crash(struct replay *replay)
{
    poster_abort(replay->poster);
    for (size_t i = 0; i < replay->plan.lane_count; i++) {
        struct cursor *cursor = &replay->cursors[i];
        cursor->next = cursor->checkpoint;
        cursor->in_flight = false;
    }
    replay->crashes++;
}

static uint64_t deliveries_done(const struct replay *replay)
{
    uint64_t done = 0;

    for (size_t i = 0; i < replay->plan.lane_count; i++)
        done += replay->cursors[i].next;
    return done;
}

static int64_t trace_now_ms(const struct replay *replay)
{
    if (replay->speed <= 0)
        return INT64_MAX;
    return (int64_t)((double)(time_monotonic_us() - replay->started_us) / 1000 * replay->speed);
}

static void run(struct replay *replay)
{
    struct progress progress;
    uint64_t total = replay->plan.delivery_count, done = 0;

    replay->started_us = time_monotonic_us();
    progress_init(&progress, "replay", total);
    while (!replay->failed && (done < total || poster_busy(replay->poster))) {
        int64_t now_ms = trace_now_ms(replay);
        while (poster_has_room(replay->poster)) {
            size_t lane = most_due_lane(replay, now_ms);
            if (lane == replay->plan.lane_count)
                break;
            send_batch(replay, lane, next_batch(replay, lane, now_ms));
        }
        done = deliveries_done(replay);
        if (replay->options.chaos && replay->crashes < CRASHES &&
            done > total * (replay->crashes + 1) / (CRASHES + 1))
            crash(replay);
        poster_wait(replay->poster, WAIT_MS);
        progress_show(&progress, done);
    }
    progress_done(&progress, done);
}

/* 0, or EXIT_FAILED if the fate of an event is not known to be good. */
static int conclude(const struct replay *replay)
{
    double seconds = (double)(time_monotonic_us() - replay->started_us) / 1e6;
    uint64_t settled = 0;

    for (size_t i = 0; i < 2 * replay->trace.row_count; i++)
        settled += replay->settled[i];
    printf("%zu jobs, %zu events of %zu partners: %" PRIu64 " accepted, %" PRIu64
           " duplicates, %" PRIu64 " rejected\n",
           replay->trace.row_count, replay->plan.event_count, replay->trace.partner_count,
           replay->accepted, replay->duplicates, replay->rejected);
    if (replay->options.chaos)
        printf("chaos: %" PRIu64 " damaged copies refused, %" PRIu64 " taken, %u crashes\n",
               replay->refused_damaged, replay->taken_damaged, replay->crashes);
    printf("%.1f s, %.0f events/s, %" PRIu64 " requests, %" PRIu64 " retries\n", seconds,
           (double)(replay->accepted + replay->duplicates) / seconds, replay->requests,
           poster_retries(replay->poster));
    if (settled < replay->plan.event_count)
        return command_failed(NAME,
                              "%" PRIu64 " events are not stored; conflicts mean that the trace was"
                              " replayed here before: give the --end that it printed then",
                              replay->plan.event_count - settled);
    return replay->failed || replay->rejected || replay->taken_damaged ? EXIT_FAILED : EXIT_DONE;
}

static int parse_speed(const char *text, double *ret_speed)
{
    char *end;

    *ret_speed = 0;
    if (strcmp(text, "max") == 0)
        return 0;
    *ret_speed = strtod(text, &end);
    if (*end == '\0' && end != text && *ret_speed > 0 && *ret_speed <= 1e9)
        return 0;
    command_failed(NAME, "speed: '%s' is neither max nor a number above 0", text);
    return EXIT_USAGE;
}

static int set_shift(struct replay *replay)
{
    int64_t end_us = time_wall_us();
    const char *end = replay->options.end;

    if (*end && time_parse_rfc3339(end, strlen(end), &end_us) != 0) {
        command_failed(NAME, "end: '%s' is no RFC 3339 time such as 2026-11-21T12:00:00Z", end);
        return EXIT_USAGE;
    }
    char text[TIME_RFC3339_SIZE];
    time_format_rfc3339(end_us, text);
    fprintf(stderr, "to go on with this replay if it is interrupted: --end %s\n", text);
    replay->shift_ms = end_us / 1000 - replay->trace.last_ms;
    return 0;
}

static int find_keys(struct replay *replay)
{
    replay->keys = keys_load(NAME, replay->options.keys);
    if (!replay->keys)
        return EXIT_FAILED;
    replay->cursors = memory_array(replay->plan.lane_count, sizeof(*replay->cursors));
    for (size_t i = 0; i < replay->plan.lane_count; i++) {
        const char *code = replay->trace.partners[i].code;
        replay->cursors[i].key = json_string_value(json_object_get(replay->keys, code));
        if (!replay->cursors[i].key)
            return command_failed(NAME,
                                  "%s has no key for the partner %s; `metricsctl replay-setup` "
                                  "creates partners and keys",
                                  replay->options.keys, code);
    }
    return 0;
}

static int start_poster(struct replay *replay)
{
    const struct poster_options options = {.url = replay->options.url,
                                           .connections = (unsigned)replay->options.connections,
                                           .patience_ms = replay->options.patience_ms,
                                           .on_posted = on_posted,
                                           .owner = replay};

    if (poster_new(&options, &replay->poster) != 0)
        return command_failed(NAME, "url: '%s' is no http or https URL", replay->options.url);
    return 0;
}

static int replay_file(struct replay *replay, const char *path)
{
    int rc = parse_speed(replay->options.speed, &replay->speed);

    if (rc == 0)
        rc = trace_load(NAME, path, (size_t)replay->options.partners, &replay->trace);
    if (rc == 0)
        rc = set_shift(replay);
    if (rc)
        return rc;
    plan_make(&replay->trace, replay->options.chaos, (uint64_t)replay->options.seed, &replay->plan);
    rc = find_keys(replay);
    if (rc == 0)
        rc = start_poster(replay);
    if (rc)
        return rc;
    replay->settled = memory_array(2 * replay->trace.row_count, 1);
    run(replay);
    return conclude(replay);
}

int command_replay(int argc, char **argv)
{
    struct replay replay = {0};
    const char *path = NULL;

    command_file_argument(&argc, &argv, &path);
    int rc = command_options(&table, argc, argv, &replay.options);
    if (rc)
        return rc;
    if (path) {
        rc = replay_file(&replay, path);
    } else {
        command_failed(NAME, "which file? metricsctl replay FILE [OPTION...]");
        rc = EXIT_USAGE;
    }
    poster_free(replay.poster);
    json_decref(replay.keys);
    free(replay.settled);
    free(replay.cursors);
    plan_done(&replay.plan);
    trace_done(&replay.trace);
    settings_done(&table, &replay.options);
    return rc;
}
