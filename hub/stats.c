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

void hub_stats_write(const struct hub_stats *stats, struct buffer *out)
{
#define X(name, help) prometheus_counter(out, "mh_hub_" #name "_total", help, stats->name);
    HUB_COUNTER_TABLE(X)
#undef X
    write_closes(stats, out);
    prometheus_gauge(out, "mh_hub_connections", "Open connections", (double)stats->connections);
    prometheus_gauge(out, "mh_hub_subscriptions", "Subscriptions", (double)stats->subscriptions);
    prometheus_gauge(out, "mh_hub_channels", "Channels loaded", (double)stats->channels);
    prometheus_gauge(out, "mh_hub_feeds", "Feeds followed", (double)stats->feeds);
    prometheus_gauge(out, "mh_hub_queued_bytes", "Unsent bytes of all connections",
                     (double)stats->queued_bytes);
    prometheus_histogram_write(out, &stats->feed_lag);
}
