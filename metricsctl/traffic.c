#include "metricsctl/traffic.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/random.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define EVENTS_PER_JOB 8.0
#define FAILURE_SHARE 0.03
#define RETRY_SHARE 0.6
#define CANCEL_SHARE 0.01
#define PUBLISH_SHARE 0.35
/* As in recorded traces: 33 of 26,823. Of the past, somebody has cleaned up. */
#define LOST_SHARE 0.0012
#define MAX_ATTEMPTS 3
#define USERS_PER_PARTNER 24
#define DAY_S 86400.0
#define PI 3.141592653589793
/* Progress and queueing of jobs that are over when they are posted interest nobody. */
#define HISTORY_MS 120000
/* Older traffic thins out as (1 + age / 1.5 h)^-0.85: a month is about 15 hours' worth. */
#define HISTORY_SCALE_S 5400.0
#define HISTORY_EXPONENT 0.85

/* What happens to a job next. ARRIVAL belongs to no job: it makes one. */
enum step {
    STEP_ARRIVAL,
    STEP_REQUESTED,
    STEP_QUEUED,
    STEP_STARTED,
    STEP_PROGRESS,
    STEP_COMPLETED,
    STEP_FAILED,
    STEP_RETRIED,
    STEP_CANCELLED,
    STEP_PUBLICATION_REQUESTED,
    STEP_PUBLISHED,
    STEP_PUBLICATION_FAILED
};

static const char *const step_types[] = {
    NULL,
    "generation.requested",
    "generation.queued",
    "generation.started",
    "generation.progress",
    "generation.completed",
    "generation.failed",
    "generation.retried",
    "generation.cancelled",
    "publication.requested",
    "publication.published",
    "publication.failed",
};

struct model {
    const char *name, *entrypoint;
    double weight, median_s, sigma;
    int max_units, tokens_per_unit, micros_per_unit;
};

static const struct model models[] = {
    {"cinema-2", "manifest_to_video", 0.30, 95, 0.45, 12, 1800, 42000},
    {"cinema-2-fast", "manifest_to_video", 0.20, 38, 0.40, 8, 1200, 15500},
    {"sketch-1", "quick", 0.30, 14, 0.35, 2, 420, 3200},
    {"voice-2", "narration", 0.05, 9, 0.30, 3, 600, 1100},
    {"portrait-3", "image_to_video", 0.15, 52, 0.55, 4, 900, 21000},
};

struct fault {
    const char *class, *message;
};

static const struct fault faults[] = {
    {"model_timeout", "the model gave no frame for 120 s"},
    {"out_of_memory", "CUDA out of memory: tried to allocate 2.31 GiB"},
    {"content_policy", "scene 3 was refused by the content filter"},
    {"storage_unavailable", "upload of the rendered file failed after 5 tries"},
    {"bad_manifest", "manifest: scenes[2].duration is missing"},
};

static const char *const names[USERS_PER_PARTNER] = {
    "maya", "jonas", "priya", "tom",   "aiko",  "lena", "omar", "sofia",
    "noah", "ines",  "kwame", "elif",  "hugo",  "nora", "ravi", "chloe",
    "ivan", "amara", "li",    "diego", "fatou", "erik", "mina", "paul"};
static const char *const shots[] = {"A slow dolly shot of", "An aerial view of", "A close-up of",
                                    "A time-lapse of", "A hand-drawn explainer about"};
static const char *const subjects[] = {"a glass blower at work",
                                       "the water cycle",
                                       "a night market",
                                       "cell division",
                                       "an alpine railway",
                                       "first aid for burns",
                                       "a robot arm sorting parts",
                                       "the French Revolution"};
static const char *const systems[] = {"moodle", "canvas", "youtube"};

struct job {
    uint64_t number;
    size_t partner;
    const struct model *model;
    int attempt, units, progress, user, shot, subject, fault;
    int64_t started_ms, ends_ms;
    enum step outcome; /* of this attempt */
};

struct pending {
    int64_t at_ms;
    uint64_t order; /* ties keep the order of planning */
    enum step step;
    struct job *job;
};

struct traffic {
    struct traffic_options options;
    struct random random;
    double *partner_weights; /* cumulative, the last is 1 */
    struct pending *heap;
    size_t heap_count, heap_capacity;
    uint64_t planned, jobs, events;
    bool ended;
};

static bool is_before(const struct pending *a, const struct pending *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct pending *a, struct pending *b)
{
    struct pending c = *a;

    *a = *b;
    *b = c;
}

static void plan(struct traffic *traffic, int64_t at_ms, enum step step, struct job *job)
{
    if (traffic->heap_count == traffic->heap_capacity) {
        traffic->heap_capacity = traffic->heap_capacity ? 2 * traffic->heap_capacity : 64;
        traffic->heap =
            memory_realloc(traffic->heap, traffic->heap_capacity * sizeof(*traffic->heap));
    }
    size_t i = traffic->heap_count++;
    traffic->heap[i] = (struct pending){at_ms, traffic->planned++, step, job};
    for (; i > 0 && is_before(&traffic->heap[i], &traffic->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&traffic->heap[i], &traffic->heap[(i - 1) / 2]);
}

static struct pending take_first(struct traffic *traffic)
{
    struct pending first = traffic->heap[0], *heap = traffic->heap;
    size_t count = --traffic->heap_count, i = 0;

    heap[0] = heap[count];
    for (;;) {
        size_t least = i, left = 2 * i + 1, right = left + 1;
        if (left < count && is_before(&heap[left], &heap[least]))
            least = left;
        if (right < count && is_before(&heap[right], &heap[least]))
            least = right;
        if (least == i)
            return first;
        swap(&heap[i], &heap[least]);
        i = least;
    }
}

/* Jobs per second at a time: a day's wave that peaks at 15:00 UTC, a ripple of five minutes, and
 * the thinning of the past. */
static double job_rate(const struct traffic *traffic, int64_t at_ms)
{
    double at_s = (double)at_ms / 1000;
    double age_s = (double)(traffic->options.present_ms - at_ms) / 1000;
    double day = 1 + 0.45 * sin(2 * PI * (fmod(at_s, DAY_S) / DAY_S - 0.375));
    double ripple = 1 + 0.25 * sin(2 * PI * at_s / 300);
    double thinning = age_s > 0 ? pow(1 + age_s / HISTORY_SCALE_S, -HISTORY_EXPONENT) : 1;

    return traffic->options.rate / EVENTS_PER_JOB * day * ripple * thinning;
}

static void plan_arrival(struct traffic *traffic, int64_t after_ms)
{
    double mean_ms = 1000 / job_rate(traffic, after_ms);
    double gap_ms = random_exponential(&traffic->random, mean_ms);
    double number = random_unit(&traffic->random);
    size_t partner = 0;

    /* The job is made with its arrival, so that the next event's partner is always known. */
    while (traffic->partner_weights[partner] < number)
        partner++;
    struct job *job = memory_zalloc(sizeof(*job));
    job->partner = partner;
    plan(traffic, after_ms + 1 + (int64_t)gap_ms, STEP_ARRIVAL, job);
}

struct traffic *traffic_new(const struct traffic_options *options)
{
    struct traffic *traffic = memory_zalloc(sizeof(*traffic));
    double sum = 0, so_far = 0;

    traffic->options = *options;
    traffic->random.state = options->seed;
    traffic->partner_weights = memory_array(options->partner_count, sizeof(double));
    for (size_t i = 0; i < options->partner_count; i++)
        sum += 1 / sqrt((double)i + 1);
    for (size_t i = 0; i < options->partner_count; i++) {
        so_far += 1 / sqrt((double)i + 1) / sum;
        traffic->partner_weights[i] = so_far;
    }
    traffic->partner_weights[options->partner_count - 1] = 1;
    plan_arrival(traffic, options->start_ms);
    return traffic;
}

void traffic_free(struct traffic *traffic)
{
    if (!traffic)
        return;
    for (size_t i = 0; i < traffic->heap_count; i++)
        free(traffic->heap[i].job);
    free(traffic->heap);
    free(traffic->partner_weights);
    free(traffic);
}

int64_t traffic_next_ms(const struct traffic *traffic)
{
    return traffic->heap_count ? traffic->heap[0].at_ms : INT64_MAX;
}

size_t traffic_next_partner(const struct traffic *traffic)
{
    return traffic->heap[0].job->partner;
}

static const struct model *pick_model(struct random *random)
{
    double number = random_unit(random);

    for (size_t i = 0; i + 1 < ARRAY_LENGTH(models); i++) {
        number -= models[i].weight;
        if (number < 0)
            return &models[i];
    }
    return &models[ARRAY_LENGTH(models) - 1];
}

static void fill_job(struct traffic *traffic, struct job *job)
{
    struct random *random = &traffic->random;

    job->number = ++traffic->jobs;
    job->model = pick_model(random);
    job->attempt = 1;
    job->units = (int)random_between(random, 1, job->model->max_units);
    /* Squared: a few people do most of the work. */
    double person = random_unit(random);
    job->user = (int)(person * person * USERS_PER_PARTNER);
    job->shot = (int)random_between(random, 0, (int64_t)ARRAY_LENGTH(shots) - 1);
    job->subject = (int)random_between(random, 0, (int64_t)ARRAY_LENGTH(subjects) - 1);
}

static void append_data_text(struct buffer *out, const char *member, const char *text)
{
    buffer_printf(out, ",\"%s\":", member);
    buffer_append_json_string(out, text, strlen(text));
}

static void append_requested(const struct traffic *traffic, struct buffer *out,
                             const struct job *job)
{
    const char *partner = traffic->options.partners[job->partner];

    append_data_text(out, "model", job->model->name);
    append_data_text(out, "entrypoint", job->model->entrypoint);
    buffer_printf(out, ",\"project\":\"project-%d\"", job->user % 5 + 1);
    buffer_printf(out, ",\"end_user\":\"%s@%s.example\"", names[job->user], partner);
    buffer_printf(out, ",\"units\":%d", job->units);
    buffer_printf(out, ",\"prompt\":\"%s %s\"", shots[job->shot], subjects[job->subject]);
}

static void append_completed(const struct traffic *traffic, struct buffer *out,
                             const struct job *job)
{
    int64_t micros = (int64_t)job->units * job->model->micros_per_unit;

    buffer_printf(out, ",\"tokens\":%d", job->units * job->model->tokens_per_unit);
    buffer_printf(out, ",\"cost\":\"%" PRId64 ".%06" PRId64 "\"", micros / 1000000,
                  micros % 1000000);
    buffer_printf(out, ",\"asset_url\":\"https://cdn.example/%s/%016" PRIx64 ".mp4\"",
                  traffic->options.partners[job->partner], job->number * 0x9E3779B97F4A7C15u);
}

static void append_event(struct traffic *traffic, struct buffer *out, const struct pending *next)
{
    const struct job *job = next->job;
    const char *partner = traffic->options.partners[job->partner];
    char time[TIME_RFC3339_SIZE];

    time_format_rfc3339(next->at_ms * 1000, time);
    buffer_printf(out,
                  "{\"specversion\":\"1.0\",\"id\":\"%" PRIx64 "-%" PRIu64
                  "\",\"source\":\"/simulate/%s\",\"type\":\"%s\",\"time\":\"%s\",\"data\":{"
                  "\"job\":\"%" PRIx64 "-%" PRIu64 "\",\"attempt\":%d",
                  traffic->options.seed, ++traffic->events, partner, step_types[next->step], time,
                  traffic->options.seed, job->number, job->attempt);
    if (next->step == STEP_REQUESTED)
        append_requested(traffic, out, job);
    if (next->step == STEP_PROGRESS)
        buffer_printf(out, ",\"progress\":%d", job->progress);
    if (next->step == STEP_COMPLETED)
        append_completed(traffic, out, job);
    if (next->step == STEP_FAILED) {
        append_data_text(out, "error_class", faults[job->fault].class);
        append_data_text(out, "error_message", faults[job->fault].message);
    }
    if (next->step >= STEP_PUBLICATION_REQUESTED)
        buffer_printf(out, ",\"lms\":\"%s\",\"external_id\":\"item-%" PRIu64 "\"",
                      systems[job->number % ARRAY_LENGTH(systems)], job->number);
    buffer_append_text(out, "}}");
}

/* Decides how this attempt will go. */
static void start_attempt(struct traffic *traffic, struct job *job, int64_t now_ms)
{
    struct random *random = &traffic->random;
    double luck = random_unit(random);
    double seconds = random_lognormal(random, job->model->median_s, job->model->sigma);

    job->outcome = luck < FAILURE_SHARE                  ? STEP_FAILED
                   : luck < FAILURE_SHARE + CANCEL_SHARE ? STEP_CANCELLED
                                                         : STEP_COMPLETED;
    if (job->outcome != STEP_COMPLETED)
        seconds *= random_unit(random);
    job->fault = (int)random_between(random, 0, (int64_t)ARRAY_LENGTH(faults) - 1);
    job->progress = 0;
    job->started_ms = now_ms;
    job->ends_ms = now_ms + 500 + (int64_t)(seconds * 1000);
}

/* The next quarter of the way, or the end of the attempt. */
static void plan_progress(struct traffic *traffic, struct job *job, int64_t now_ms)
{
    int64_t quarter_ms = (job->ends_ms - job->started_ms) / 4;
    bool history = traffic->options.present_ms - now_ms > HISTORY_MS;

    if (history || job->progress >= 75 || now_ms + quarter_ms >= job->ends_ms) {
        plan(traffic, job->ends_ms, job->outcome, job);
    } else {
        job->progress += 25;
        plan(traffic, now_ms + quarter_ms, STEP_PROGRESS, job);
    }
}

static void plan_seconds(struct traffic *traffic, struct job *job, int64_t now_ms, enum step step,
                         double median_s)
{
    double seconds = random_lognormal(&traffic->random, median_s, 0.8);

    plan(traffic, now_ms + 20 + (int64_t)(seconds * 1000), step, job);
}

/* What follows a step; false if nothing does. */
static bool plan_next(struct traffic *traffic, const struct pending *now)
{
    struct random *random = &traffic->random;
    struct job *job = now->job;
    bool history = traffic->options.present_ms - now->at_ms > HISTORY_MS;

    switch (now->step) {
    case STEP_REQUESTED:
        plan_seconds(traffic, job, now->at_ms, history ? STEP_STARTED : STEP_QUEUED,
                     history ? 3 : 0.2);
        return true;
    case STEP_QUEUED:
        plan_seconds(traffic, job, now->at_ms, STEP_STARTED, 2.5);
        return true;
    case STEP_STARTED:
        start_attempt(traffic, job, now->at_ms);
        if (!history && random_unit(random) < LOST_SHARE)
            return false;
        plan_progress(traffic, job, now->at_ms);
        return true;
    case STEP_PROGRESS:
        plan_progress(traffic, job, now->at_ms);
        return true;
    case STEP_FAILED:
        if (job->attempt == MAX_ATTEMPTS || random_unit(random) >= RETRY_SHARE)
            return false;
        job->attempt++;
        plan_seconds(traffic, job, now->at_ms, STEP_RETRIED, 5);
        return true;
    case STEP_RETRIED:
        plan_seconds(traffic, job, now->at_ms, STEP_STARTED, 2);
        return true;
    case STEP_COMPLETED:
        if (random_unit(random) >= PUBLISH_SHARE)
            return false;
        plan_seconds(traffic, job, now->at_ms, STEP_PUBLICATION_REQUESTED, 4);
        return true;
    case STEP_PUBLICATION_REQUESTED:
        plan_seconds(traffic, job, now->at_ms,
                     random_unit(random) < FAILURE_SHARE ? STEP_PUBLICATION_FAILED : STEP_PUBLISHED,
                     2);
        return true;
    case STEP_ARRIVAL:
    case STEP_CANCELLED:
    case STEP_PUBLISHED:
    case STEP_PUBLICATION_FAILED:
        break;
    }
    return false;
}

void traffic_emit(struct traffic *traffic, struct buffer *out)
{
    struct pending next = take_first(traffic);

    if (next.step == STEP_ARRIVAL) {
        fill_job(traffic, next.job);
        next.step = STEP_REQUESTED;
        plan_arrival(traffic, next.at_ms);
    }
    append_event(traffic, out, &next);
    if (traffic->ended || !plan_next(traffic, &next))
        free(next.job);
}

static bool is_open(const struct pending *pending)
{
    return pending->step >= STEP_QUEUED && pending->step <= STEP_CANCELLED;
}

void traffic_end(struct traffic *traffic, int64_t now_ms)
{
    struct pending *old = traffic->heap;
    size_t count = traffic->heap_count;

    traffic->heap = NULL;
    traffic->heap_count = traffic->heap_capacity = 0;
    traffic->ended = true;
    for (size_t i = 0; i < count; i++) {
        /* A failed attempt that waits for its retry is over already. */
        if (is_open(&old[i]) && old[i].step != STEP_RETRIED)
            plan(traffic, now_ms, STEP_CANCELLED, old[i].job);
        else
            free(old[i].job);
    }
    free(old);
}
