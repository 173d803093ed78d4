#include "ingest/ingest_settings.h"

#define TEXT(name, fallback, help)                                                                 \
    {                                                                                              \
#name, SETTING_TEXT, offsetof(struct ingest_settings, name), fallback, 0, 0, false, false, \
            help                                                                                   \
    }
#define SECRET(name, fallback, help)                                                               \
    {                                                                                              \
#name, SETTING_TEXT, offsetof(struct ingest_settings, name), fallback, 0, 0, false, true,  \
            help                                                                                   \
    }
#define INTEGER(name, fallback, min, max, reload, help)                                            \
    {                                                                                              \
#name, SETTING_INTEGER, offsetof(struct ingest_settings, name), fallback, min, max,        \
            reload, false, help                                                                    \
    }
#define BYTES(name, fallback, min, max, help)                                                      \
    {                                                                                              \
#name, SETTING_BYTES, offsetof(struct ingest_settings, name), fallback, min, max, false,   \
            false, help                                                                            \
    }
#define DURATION(name, fallback, min, max, help)                                                   \
    {                                                                                              \
#name, SETTING_DURATION, offsetof(struct ingest_settings, name), fallback, min, max, true, \
            false, help                                                                            \
    }

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)

static const struct setting settings[] = {
    TEXT(listen, "127.0.0.1:8080", "Address and port of the HTTP front door"),
    TEXT(public_url, "http://127.0.0.1:8080",
         "URL under which browsers reach this server; its origin may sign in"),
    TEXT(hub_url, "ws://127.0.0.1:8081/connection/websocket",
         "WebSocket URL of the hub, told to browsers"),
    SECRET(database, NULL, "Postgres connection string"),
    SECRET(redis, "redis://127.0.0.1:6379", "Redis URL, redis://… or unix:///path"),
    TEXT(redis_prefix, "mh:", "Put before every Redis channel"),
    TEXT(token_secret_file, NULL, "File with the secret that signs session tokens, mode 0600"),
    TEXT(web_root, "", "Folder of the built web client; empty: none is served"),
    BYTES(max_body, "1M", 1024, 64 << 20, "Largest request body"),
    INTEGER(max_batch, "1000", 1, 10000, false, "Most events in one request"),
    BYTES(max_header, "16k", 1024, 256 << 10, "Largest request line and headers together"),
    INTEGER(max_depth, "16", 2, 64, false, "Deepest nesting of an event's JSON"),
    INTEGER(max_connections, "4096", 1, 1000000, false, "Most connections at a time"),
    INTEGER(rate, "0", 0, 10000000, true,
            "Events per second of a key that has no limit of its own; 0: any number"),
    INTEGER(queue_events, "50000", 1, 10000000, false,
            "Most events that wait for Postgres; more are answered 503"),
    INTEGER(lanes, "4", 1, 64, false, "Postgres connections that store events"),
    INTEGER(sign_in_rate, "10", 1, 100000, false, "Sign-ins per minute and address"),
    DURATION(token_ttl, "10m", 10 * SECOND, 24 * HOUR, "Life of a token for the hub"),
    DURATION(session_ttl, "12h", 60 * SECOND, 24 * 30 * HOUR, "Life of a browser's session"),
    DURATION(header_timeout, "10s", SECOND, HOUR, "Time for a new connection's first header"),
    DURATION(body_timeout, "30s", SECOND, HOUR, "Time for a body, and for taking the answer"),
    DURATION(idle_timeout, "75s", SECOND, HOUR, "Time until a connection's next header"),
    DURATION(drain_timeout, "10s", SECOND, HOUR, "Time for open requests after SIGTERM"),
    TEXT(log_level, "info", "debug, info, warning or error"),
};

const struct settings_table ingest_settings_table = {
    .program = "metrics-ingest",
    .summary = "HTTP front door of metrics-hub: takes events, serves the web client",
    .settings = settings,
    .count = ARRAY_LENGTH(settings),
};
