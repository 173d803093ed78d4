/* Counters of a worker, filled by whoever does the thing; /metrics shows the sum of all workers. */
#ifndef MH_HUB_STATS_H
#define MH_HUB_STATS_H

#include <stdint.h>

#include "hub/session/protocol_codes.h"
#include "shared/base/buffer.h"
#include "shared/loop/workers.h"
#include "shared/observe/prometheus.h"

#define HUB_COUNTER_TABLE(X)                                                                       \
    X(connections_opened, "Connections since start")                                               \
    X(connections_refused, "Connections refused: limit, origin or path")                           \
    X(commands, "Commands from clients")                                                           \
    X(command_errors, "Commands answered with an error")                                           \
    X(subscribes, "Subscriptions made since start")                                                \
    X(recoveries, "Subscriptions that got exactly what they had missed")                           \
    X(recoveries_failed, "Subscriptions that asked for that and got the whole state")              \
    X(publications, "Patches encoded, once per view")                                              \
    X(deliveries, "Publications written to sockets")                                               \
    X(deliveries_folded, "Publications left out for slow readers, made up by a state")             \
    X(bytes_sent, "Bytes of frames written to sockets")                                            \
    X(feed_messages, "Messages received from Redis")                                               \
    X(feed_malformed, "Messages and log rows that could not be decoded")                           \
    X(feed_duplicates, "Messages already known")                                                   \
    X(feed_deltas, "Log rows applied")                                                             \
    X(gap_reads, "Reads of the channel log")                                                       \
    X(gap_rows, "Rows that came from the channel log instead of Redis")                            \
    X(log_reads, "Reads of the channel log for readers who came back from further away")           \
    X(snapshots, "Snapshots loaded from Postgres")                                                 \
    X(snapshot_failures, "Snapshots that failed")                                                  \
    X(checks, "Checks encoded, once per view")                                                     \
    X(digest_mismatches, "Wrong copies that clients found by a digest, and replaced")              \
    X(polls, "Polls of the channel heads")                                                         \
    X(reconciliations, "Comparisons of a channel with Postgres")                                   \
    X(drift, "Comparisons that found a difference")                                                \
    X(reviews, "Sessions that Postgres was asked about because somebody's access changed")         \
    X(presence_written, "Joins and leaves written to Redis")                                       \
    X(presence_failures, "Writes of presence that Redis refused")                                  \
    X(presence_pushes, "Joins and leaves passed on to those who watch, once per channel")          \
    X(presence_pushes_dropped, "Joins and leaves not passed on, being too many at once")

/* What is true now: gone with the worker. */
#define HUB_GAUGE_TABLE(X)                                                                         \
    X(connections, "Open connections")                                                             \
    X(subscriptions, "Subscriptions")                                                              \
    X(channels, "Channels loaded")                                                                 \
    X(feeds, "Feeds followed")                                                                     \
    X(presence_entries, "Subscriptions present in their channels")                                 \
    X(queued_bytes, "Unsent bytes of all connections")

#define HUB_HISTOGRAM_TABLE(X) X(feed_lag)

struct hub_stats {
#define X(name, help) uint64_t name;
    HUB_COUNTER_TABLE(X)
    HUB_GAUGE_TABLE(X)
#undef X
    uint64_t closes[PROTOCOL_CLOSE_COUNT];
    struct prometheus_histogram feed_lag; /* from the transaction to the hub's state */
};

void hub_stats_init(struct hub_stats *stats);
/* The gauges of a worker that is gone. */
void hub_stats_reset_gauges(struct hub_stats *stats);
/* The sum of all workers' slots, which are struct hub_stats. */
void hub_stats_write(const struct workers *workers, struct buffer *out);

#endif
