#include "ingest/counters.h"

#include <string.h>

static const double latency_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                        0.1,   0.25,   0.5,   1,    2.5,   10};
static const double size_bounds[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

static void histogram_init(struct prometheus_histogram *histogram, const char *name,
                           const char *help, const double *bounds, unsigned count)
{
    histogram->name = name;
    histogram->help = help;
    histogram->bound_count = count;
    memcpy(histogram->bounds, bounds, count * sizeof(*bounds));
}

void counters_init(struct counters *counters)
{
    memset(counters, 0, sizeof(*counters));
    histogram_init(&counters->request_seconds, "mh_ingest_request_seconds",
                   "Time from a request's header to its answer", latency_bounds,
                   ARRAY_LENGTH(latency_bounds));
    histogram_init(&counters->commit_seconds, "mh_ingest_commit_seconds",
                   "Time of one batch's transaction", latency_bounds, ARRAY_LENGTH(latency_bounds));
    histogram_init(&counters->batch_events, "mh_ingest_batch_events", "Events per transaction",
                   size_bounds, ARRAY_LENGTH(size_bounds));
}

static void write_rejected(const struct counters *counters, struct buffer *out)
{
    buffer_append_text(out, "# HELP mh_ingest_rejected_total Rejected events by reason\n"
                            "# TYPE mh_ingest_rejected_total counter\n");
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (counters->rejected_for[i])
            buffer_printf(out, "mh_ingest_rejected_total{reason=\"%s\"} %llu\n",
                          reason_text((enum reason)i),
                          (unsigned long long)counters->rejected_for[i]);
}

static void write_responses(const struct counters *counters, struct buffer *out)
{
    buffer_append_text(out, "# HELP mh_ingest_responses_total Answers by HTTP status\n"
                            "# TYPE mh_ingest_responses_total counter\n");
    for (unsigned i = 0; i < COUNTERS_STATUSES; i++)
        if (counters->responses[i])
            buffer_printf(out, "mh_ingest_responses_total{status=\"%u\"} %llu\n", i,
                          (unsigned long long)counters->responses[i]);
}

static void write_messages(const struct counters *counters, struct buffer *out)
{
    buffer_printf(out,
                  "# HELP mh_ingest_messages_total Messages by verdict\n"
                  "# TYPE mh_ingest_messages_total counter\n"
                  "mh_ingest_messages_total{verdict=\"posted\"} %llu\n"
                  "mh_ingest_messages_total{verdict=\"duplicate\"} %llu\n"
                  "mh_ingest_messages_total{verdict=\"refused\"} %llu\n",
                  (unsigned long long)counters->messages_posted,
                  (unsigned long long)counters->messages_duplicate,
                  (unsigned long long)counters->messages_refused);
}

static void write_total(const struct counters *counters, struct buffer *out)
{
    buffer_printf(out,
                  "# HELP mh_ingest_events_total Events by verdict\n"
                  "# TYPE mh_ingest_events_total counter\n"
                  "mh_ingest_events_total{verdict=\"accepted\"} %llu\n"
                  "mh_ingest_events_total{verdict=\"duplicate\"} %llu\n"
                  "mh_ingest_events_total{verdict=\"rejected\"} %llu\n",
                  (unsigned long long)counters->accepted, (unsigned long long)counters->duplicate,
                  (unsigned long long)counters->rejected);
    write_rejected(counters, out);
    write_responses(counters, out);
    write_messages(counters, out);
    prometheus_counter(out, "mh_ingest_batches_total", "Transactions committed", counters->batches);
    prometheus_counter(out, "mh_ingest_batches_failed_total", "Transactions not committed",
                       counters->batches_failed);
    prometheus_counter(out, "mh_ingest_rejects_dropped_total",
                       "Rejected events that could not be kept", counters->rejects_dropped);
    prometheus_counter(out, "mh_ingest_published_total", "Feed messages given to Redis",
                       counters->published);
    prometheus_counter(out, "mh_ingest_publish_dropped_total",
                       "Feed messages not published; the hub reads them from the channel log",
                       counters->publish_dropped);
    prometheus_counter(out, "mh_ingest_request_log_dropped_total",
                       "Requests missing from api_requests", counters->requests_log_dropped);
    prometheus_counter(out, "mh_ingest_postgres_reconnects_total", "Postgres connections made",
                       counters->postgres_reconnects);
    prometheus_counter(out, "mh_ingest_redis_reconnects_total", "Redis connections made",
                       counters->redis_reconnects);
    prometheus_counter(out, "mh_ingest_key_lookups_total", "API keys read from Postgres",
                       counters->key_lookups);
    prometheus_counter(out, "mh_ingest_password_hashes_total",
                       "Argon2id hashes computed, for right passwords and wrong ones",
                       counters->password_hashes);
    prometheus_histogram_write(out, &counters->request_seconds);
    prometheus_histogram_write(out, &counters->commit_seconds);
    prometheus_histogram_write(out, &counters->batch_events);
}

static void add(struct counters *total, const struct counters *part)
{
    enum { NUMBERS = offsetof(struct counters, request_seconds) / sizeof(uint64_t) };
    uint64_t *to = (uint64_t *)(void *)total;
    const uint64_t *from = (const uint64_t *)(const void *)part;
    for (size_t i = 0; i < NUMBERS; i++)
        to[i] += from[i];
    prometheus_histogram_add(&total->request_seconds, &part->request_seconds);
    prometheus_histogram_add(&total->commit_seconds, &part->commit_seconds);
    prometheus_histogram_add(&total->batch_events, &part->batch_events);
}

void counters_reset_gauges(struct counters *counters)
{
    counters->now = (struct gauges){0};
}

void counters_write(const struct workers *workers, struct buffer *out)
{
    struct counters total;
    counters_init(&total);
    for (unsigned i = 0; i < workers_count(workers); i++)
        add(&total, workers_slot(workers, i));
    write_total(&total, out);
#define X(name, help) prometheus_gauge(out, "mh_ingest_" #name, help, (double)total.now.name);
    INGEST_GAUGE_TABLE(X)
#undef X
    prometheus_gauge(out, "mh_ingest_workers", "Workers that run", workers_alive(workers));
    prometheus_counter(out, "mh_ingest_worker_restarts_total", "Workers started again",
                       workers_restarts(workers));
}
