/* The daemon's parts and how they hang together; one instance, one loop.
 *
 * Order of life: settings, links to Postgres and Redis, server. Of several workers each takes
 * connections once it can serve them, so that a new one refuses nothing that its siblings would
 * take. On SIGTERM the server stops
 * accepting, what is accepted gets its verdict (at most drain_timeout), then everything closes in
 * the order of ingest_close: first what still answers requests, then the server. */
#ifndef MH_INGEST_H
#define MH_INGEST_H

#include "ingest/counters.h"
#include "ingest/events/batcher.h"
#include "ingest/events/rejects.h"
#include "ingest/http/files.h"
#include "ingest/http/identity.h"
#include "ingest/http/keys.h"
#include "ingest/http/password.h"
#include "ingest/http/rate_limit.h"
#include "ingest/http/server.h"
#include "ingest/ingest_settings.h"
#include "ingest/publish/publisher.h"
#include "ingest/timers/access_expiry.h"
#include "ingest/timers/key_usage.h"
#include "ingest/timers/key_watch.h"
#include "ingest/timers/maintenance.h"
#include "ingest/timers/request_log.h"
#include "shared/loop/process.h"
#include "shared/postgres/pg_pool.h"

struct ingest {
    struct process process;
    struct ingest_settings settings;
    int argc; /* for reading the settings again */
    char **argv;
    struct workers *workers;   /* of which this is one */
    struct counters *counters; /* in this worker's slot */

    struct pg_pool *control; /* keys, sessions, rejects: short queries that requests wait for */
    struct pg_pool *access;  /* what signed-in people ask for: may be long, and holds up no event */
    struct pg_link *background; /* maintenance, request log, use of keys */
    struct batcher *batcher;
    struct rejects *rejects;
    struct publisher *publisher;
    struct maintenance *maintenance;
    struct request_log *request_log;
    struct keys *keys;
    struct pg_poll *key_watch, *access_expiry;
    struct key_usage *key_usage;
    struct rate_table *sign_ins, *sign_in_users, *messages;
    struct passwords *passwords;
    struct identity_keys *identity_keys; /* NULL: no identity provider */
    struct files *files;
    struct networks *trusted; /* proxies, or NULL */
    struct http_server *server;

    char *token_secret;
    size_t token_secret_length;
    char limits[160];   /* value of the header Metrics-Hub-Limits */
    char origin[256];   /* scheme://host[:port] of public_url */
    bool secure_cookie; /* public_url is https */

    int64_t program_started_us;                                      /* before the first worker */
    int64_t started_us, postgres_down_since_us, redis_down_since_us; /* wall clock; 0: up */
    int64_t listen_latest_us;                                        /* monotonic */
    uv_timer_t drain;
    uv_timer_t gauges;                         /* keeps them fresh for the other workers */
    int64_t drain_least_us, drain_deadline_us; /* monotonic; 0: not draining */
    unsigned closing_parts;
};

/* The caller has filled settings, argc, argv, workers and program_started_us. 0, or a negative
 * errno after one log line; then what is open was closed again as far as needed
 * for the process to end. Call process_run afterwards. */
MUST_CHECK int ingest_open(struct ingest *ingest);
/* Reads the settings again; 0, or a negative errno with the old ones kept and one line logged. */
int ingest_reload_settings(struct ingest *ingest);
/* After process_run, or without it. */
void ingest_done(struct ingest *ingest);
/* Postgres lanes are up and nothing is being drained. */
bool ingest_ready(const struct ingest *ingest);

#endif
