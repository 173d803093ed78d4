#include "hub/stats.h"

#include <inttypes.h>

void hub_stats_init(struct hub_stats *stats)
{
    *stats = (struct hub_stats){
        .feed_lag = {
            .name = "mh_hub_feed_lag_seconds",
            .help = "From the event's transaction to the state of the hub",
            .bound_count = 12,
            .bounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}}};
}

static void write_closes(const struct hub_stats *stats, struct buffer *out)
{
    buffer_append_text(out, "# HELP mh_hub_closes_total Connections closed, by close code\n"
                            "# TYPE mh_hub_closes_total counter\n");
    for (int i = 0; i < PROTOCOL_CLOSE_COUNT; i++)
        buffer_printf(out, "mh_hub_closes_total{code=\"%u\"} %" PRIu64 "\n",
                      protocol_closes[i].number, stats->closes[i]);
}

void hub_stats_reset_gauges(struct hub_stats *stats)
{
#define X(name, help) stats->name = 0;
    HUB_GAUGE_TABLE(X)
#undef X
}

static void add(struct hub_stats *total, const struct hub_stats *part)
{
#define X(name, help) total->name += part->name;
    HUB_COUNTER_TABLE(X)
    HUB_GAUGE_TABLE(X)
#undef X
    for (int i = 0; i < PROTOCOL_CLOSE_COUNT; i++)
        total->closes[i] += part->closes[i];
#define X(name) prometheus_histogram_add(&total->name, &part->name);
    HUB_HISTOGRAM_TABLE(X)
#undef X
}

void hub_stats_write(const struct workers *workers, struct buffer *out)
{
    struct hub_stats total;
    hub_stats_init(&total);
    for (unsigned i = 0; i < workers_count(workers); i++)
        add(&total, workers_slot(workers, i));
#define X(name, help) prometheus_counter(out, "mh_hub_" #name "_total", help, total.name);
    HUB_COUNTER_TABLE(X)
#undef X
    prometheus_counter(out, "mh_hub_worker_restarts_total", "Workers started again",
                       workers_restarts(workers));
    write_closes(&total, out);
#define X(name, help) prometheus_gauge(out, "mh_hub_" #name, help, (double)total.name);
    HUB_GAUGE_TABLE(X)
#undef X
    prometheus_gauge(out, "mh_hub_workers", "Workers that run", workers_alive(workers));
#define X(name) prometheus_histogram_write(out, &total.name);
    HUB_HISTOGRAM_TABLE(X)
#undef X
}
