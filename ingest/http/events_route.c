#include "ingest/http/events_route.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ingest/events/cloudevents.h"
#include "ingest/http/key_rate.h"
#include "ingest/http/key_seats.h"
#include "ingest/http/problem.h"
#include "ingest/http/router.h"
#include "ingest/ingest.h"
#include "shared/base/time.h"

#define MAX_CE_HEADERS 40

/* A request's events on their way to Postgres and back; in the request's arena. */
struct submission {
    struct ingest *ingest;
    struct http_request *request;
    struct event_batch batch;
    struct event_group group;
    struct reject_group rejects;
    struct seat_claim seats;
};

struct ce_headers {
    size_t count;
    struct event_header items[MAX_CE_HEADERS];
};

void events_limits_init(struct ingest *ingest)
{
    const struct ingest_settings *settings = &ingest->settings;
    snprintf(ingest->limits, sizeof(ingest->limits),
             "body=%" PRId64 ", batch=%" PRId64 ", header=%" PRId64 ", depth=%" PRId64
             ", connections=%" PRId64,
             settings->max_body, settings->max_batch, settings->max_header, settings->max_depth,
             settings->max_connections);
}

void events_limit_headers(struct ingest *ingest, struct http_request *request)
{
    http_reply_header(request, "Metrics-Hub-Limits", ingest->limits);
}

static bool on_header(void *owner, const char *name, const char *value)
{
    struct ce_headers *headers = owner;
    if (strncasecmp(name, "ce-", 3) != 0)
        return true;
    if (headers->count == MAX_CE_HEADERS)
        return false;
    headers->items[headers->count++] = (struct event_header){name + 3, value};
    return true;
}

static void write_verdict(struct buffer *out, const struct event *event)
{
    static const char *const names[] = {[EVENT_PENDING] = "rejected",
                                        [EVENT_ACCEPTED] = "accepted",
                                        [EVENT_DUPLICATE] = "duplicate",
                                        [EVENT_REJECTED] = "rejected"};
    buffer_append_text(out, "{\"index\":");
    buffer_append_i64(out, event->index);
    if (event->id.bytes) {
        buffer_append_text(out, ",\"id\":");
        buffer_append_json_string(out, event->id.bytes, event->id.length);
    }
    buffer_append_text(out, ",\"status\":\"");
    buffer_append_text(out, names[event->status]);
    buffer_append_text(out, "\"");
    if (event->status == EVENT_REJECTED) {
        buffer_append_text(out, ",\"reason\":\"");
        buffer_append_text(out, reason_text(event->reason));
        buffer_append_text(out, "\"");
        if (event->field) {
            buffer_append_text(out, ",\"field\":");
            buffer_append_json_string(out, event->field, strlen(event->field));
        }
        if (event->detail) {
            buffer_append_text(out, ",\"detail\":");
            buffer_append_json_string(out, event->detail, strlen(event->detail));
        }
    }
    buffer_append_text(out, "}");
}

static void write_verdicts(struct buffer *out, const struct event_batch *batch)
{
    uint32_t counts[4] = {0};
    for (uint32_t i = 0; i < batch->count; i++)
        counts[batch->events[i].status]++;
    buffer_reserve(out, 64 + 96 * (size_t)batch->count);
    buffer_append_text(out, "\"accepted\":");
    buffer_append_i64(out, counts[EVENT_ACCEPTED]);
    buffer_append_text(out, ",\"duplicate\":");
    buffer_append_i64(out, counts[EVENT_DUPLICATE]);
    buffer_append_text(out, ",\"rejected\":");
    buffer_append_i64(out, counts[EVENT_REJECTED]);
    buffer_append_text(out, ",\"events\":[");
    for (uint32_t i = 0; i < batch->count; i++) {
        if (i)
            buffer_append_text(out, ",");
        write_verdict(out, &batch->events[i]);
    }
    buffer_append_text(out, "]");
}

/* The one reason that stands for all, if every event was rejected. */
static enum reason overall(const struct event_batch *batch)
{
    if (batch->count == 0)
        return REASON_NONE;
    enum reason first = batch->events[0].reason;
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->events[i].status != EVENT_REJECTED)
            return REASON_NONE;
    return batch->single || first == REASON_SUSPENDED ? first : REASON_ALL_REJECTED;
}

/* The verdicts are final. */
static void count_verdicts(struct submission *submission)
{
    const struct event_batch *batch = &submission->batch;
    struct counters *counters = submission->ingest->counters;
    unsigned accepted = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        accepted += batch->events[i].status == EVENT_ACCEPTED;
        if (batch->events[i].status != EVENT_REJECTED)
            continue;
        counters->rejected++;
        counters->rejected_for[batch->events[i].reason]++;
    }
    key_usage_add(submission->ingest->key_usage, submission->request->key, 0, accepted);
}

static void reply_verdicts(struct submission *submission)
{
    struct http_request *request = submission->request;
    const struct event_batch *batch = &submission->batch;
    struct buffer *out = &request->reply.body;
    enum reason reason = overall(batch);
    count_verdicts(submission);
    if (reason == REASON_NONE) {
        buffer_append_text(out, "{");
        write_verdicts(out, batch);
        buffer_append_text(out, "}");
        http_request_answer(request, 200, JSON_TYPE);
        return;
    }
    const struct event *first = &batch->events[0];
    problem_begin(request, reason, batch->single ? first->detail : NULL,
                  batch->single ? first->field : NULL);
    buffer_append_text(out, ",");
    write_verdicts(out, batch);
    buffer_append_text(out, "}");
    problem_send(request, reason);
}

static void on_rejects_kept(struct reject_group *rejects)
{
    reply_verdicts(rejects->owner);
}

/* The verdicts are final: what was refused, here or by Postgres, is kept before the reply. */
static void keep_rejects(struct submission *submission)
{
    const struct event_batch *batch = &submission->batch;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->events[i].status != EVENT_REJECTED)
            continue;
        submission->rejects = (struct reject_group){
            .events = batch->events,
            .count = batch->count,
            .partner_id = submission->request->key->partner_id,
            .key_id = submission->request->key->key_id,
            .on_done = on_rejects_kept,
            .owner = submission,
        };
        rejects_submit(submission->ingest->rejects, &submission->rejects);
        return;
    }
    reply_verdicts(submission);
}

static void on_group_done(struct event_group *group, enum reason outcome)
{
    struct submission *submission = group->owner;
    if (outcome == REASON_NONE)
        keep_rejects(submission);
    else
        http_problem(submission->request, outcome,
                     outcome == REASON_UNAVAILABLE
                         ? "the database did not confirm; send the same events again"
                         : NULL,
                     NULL);
}

static void submit(struct submission *submission)
{
    const struct key *key = submission->request->key;
    struct event_group *group = &submission->group;
    bool pending = false;
    for (uint32_t i = 0; i < submission->batch.count && !pending; i++)
        pending = submission->batch.events[i].status == EVENT_PENDING;
    if (!pending) {
        keep_rejects(submission);
        return;
    }
    *group = (struct event_group){
        .events = submission->batch.events,
        .count = submission->batch.count,
        .partner_id = key->partner_id,
        .key_id = key->key_id,
        .environment = key->environment,
        .on_done = on_group_done,
        .owner = submission,
    };
    list_init(&group->link);
    int error = batcher_submit(submission->ingest->batcher, group);
    if (error)
        http_problem(submission->request, REASON_UNAVAILABLE,
                     error == -ENOBUFS ? "too many events wait for the database"
                                       : "the database is not reachable",
                     NULL);
}

static void on_seats(struct seat_claim *claim, enum reason failure)
{
    struct submission *submission = claim->owner;
    if (failure == REASON_NONE)
        submit(submission);
    else
        http_problem(submission->request, failure,
                     "the seats of the API key cannot be checked now; send the same events again",
                     NULL);
}

static void claim_seats(struct submission *submission)
{
    struct http_request *request = submission->request;
    submission->seats = (struct seat_claim){
        .pool = submission->ingest->control,
        .key = request->key,
        .arena = &request->arena,
        .events = submission->batch.events,
        .count = submission->batch.count,
        .on_done = on_seats,
        .owner = submission,
    };
    seat_claim(&submission->seats);
}

static struct submission *submission_new(struct ingest *ingest, struct http_request *request)
{
    struct submission *submission = arena_alloc(&request->arena, sizeof(*submission));
    submission->ingest = ingest;
    submission->request = request;
    event_batch_init(&submission->batch, &request->arena);
    return submission;
}

static enum reason decode(struct submission *submission, enum event_mode mode,
                          const struct ce_headers *headers)
{
    const struct ingest_settings *settings = &submission->ingest->settings;
    const struct http_request *request = submission->request;
    const struct key *key = request->key;
    struct event_context context = {
        .now_us = time_wall_us(),
        .max_events = (uint32_t)settings->max_batch,
        .max_depth = (unsigned)settings->max_depth,
        .may_backfill = (key->scopes & KEY_SCOPE_EVENTS_HISTORICAL) != 0,
        .partner_id = key->partner_id,
        .key_id = key->key_id,
        .partner_code = key->partner_code,
        .key_public_id = key->public_id,
    };
    return event_batch_decode(&submission->batch, mode, headers->items, headers->count,
                              request->body.data, request->body.length, &context);
}

void events_post(struct ingest *ingest, struct http_request *request)
{
    struct ce_headers headers;
    enum event_mode mode;
    headers.count = 0;
    struct submission *submission = submission_new(ingest, request);
    events_limit_headers(ingest, request);
    http_request_each_header(request, on_header, &headers);
    enum reason reason = event_mode_parse(http_request_header(request, "Content-Type"),
                                          headers.count > 0, request->route->track, &mode);
    if (reason != REASON_NONE) {
        http_problem(request, reason,
                     "application/cloudevents+json, application/cloudevents-batch+json,"
                     " application/x-ndjson, or application/json with ce-* headers; UTF-8",
                     "Content-Type");
        return;
    }
    reason = decode(submission, mode, &headers);
    if (reason != REASON_NONE)
        http_problem(request, reason, NULL, NULL);
    else if (!key_take_rate(submission->ingest, submission->request, submission->batch.count))
        return;
    else if (request->key->max_seats)
        claim_seats(submission);
    else
        submit(submission);
}
