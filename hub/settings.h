/* Settings of metrics-hub: one table, from which come defaults, file, command line and --help. */
#ifndef MH_HUB_SETTINGS_H
#define MH_HUB_SETTINGS_H

#include "shared/base/settings.h"

struct hub_settings {
    char *listen;
    int64_t workers;
    char *database;
    char *redis;
    char *redis_prefix;
    char *token_secret_file;
    char *tls_certificate, *tls_key; /* "": no TLS */
    char *allowed_origins;           /* separated by spaces; "*": any */
    char *log_level;
    int64_t tick_ms;
    int64_t ping_interval_ms;
    int64_t poll_interval_ms;
    int64_t heartbeat_ms;
    int64_t digest_every; /* publications of a view */
    int64_t reconcile_interval_ms;
    int64_t linger_ms;
    int64_t stuck_after_ms;
    int64_t ring;
    int64_t max_connections;
    int64_t max_subscriptions;
    int64_t max_message_bytes;
    int64_t max_commands; /* per second and connection; a burst of three times as many */
    int64_t queue_soft_bytes, queue_hard_bytes;
    int64_t slow_after_ms;
    int64_t presence_ttl_ms;
    int64_t drain_seconds;
};

extern const struct settings_table hub_settings_table;

#endif
