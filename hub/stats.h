/* Counters of the process, shown at /metrics. One struct, filled by whoever does the thing. */
#ifndef MH_HUB_STATS_H
#define MH_HUB_STATS_H

#include <stdint.h>

#include "hub/session/protocol_codes.h"
#include "shared/base/buffer.h"
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
    X(snapshots, "Snapshots loaded from Postgres")                                                 \
    X(snapshot_failures, "Snapshots that failed")                                                  \
    X(polls, "Polls of the channel heads")                                                         \
    X(reconciliations, "Comparisons of a channel with Postgres")                                   \
    X(drift, "Comparisons that found a difference")

struct hub_stats {
#define X(name, help) uint64_t name;
    HUB_COUNTER_TABLE(X)
#undef X
    uint64_t closes[PROTOCOL_CLOSE_COUNT];
    uint64_t connections, subscriptions, channels, feeds; /* now */
    uint64_t queued_bytes;                                /* now, of all connections */
    struct prometheus_histogram feed_lag; /* from the transaction to the hub's state */
};

void hub_stats_init(struct hub_stats *stats);
void hub_stats_write(const struct hub_stats *stats, struct buffer *out);

#endif
