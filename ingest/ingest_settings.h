/* The settings of metrics-ingest. */
#ifndef MH_INGEST_SETTINGS_H
#define MH_INGEST_SETTINGS_H

#include "shared/base/settings.h"

struct ingest_settings {
    char *listen, *public_url, *hub_url;
    char *database, *redis, *redis_prefix;
    char *token_secret_file, *web_root, *log_level;
    char *identity_issuer, *identity_audience, *identity_keys_file, *identity_url;
    char *trusted_proxies;
    bool identity_staff;
    int64_t workers;
    int64_t max_body, max_memory, max_batch, max_header, max_depth, max_connections;
    int64_t rate, queue_events, lanes;
    int64_t sign_in_rate, sign_in_user_rate, message_rate;
    int64_t token_ttl, session_ttl, stuck_after;
    int64_t header_timeout, body_timeout, idle_timeout, drain_timeout;
};

extern const struct settings_table ingest_settings_table;

/* What the table cannot judge: 0, or -EINVAL after one log line. */
MUST_CHECK int ingest_settings_check(const struct ingest_settings *values);

#endif
