/* API keys as the front door knows them: a bounded cache over api.key_lookup. A known key is good
 * for 30 s, an unknown one for 5 s; a change of it drops it at once (keys_drop). The secret is
 * compared on every request, in constant time, before anything else is told: an unknown key and a
 * wrong secret are answered alike. */
#ifndef MH_INGEST_KEYS_H
#define MH_INGEST_KEYS_H

#include <stdbool.h>
#include <uthash.h>

#include "ingest/counters.h"
#include "ingest/events/reason.h"
#include "ingest/http/rate_limit.h"
#include "shared/access/api_key.h"
#include "shared/access/channel_name.h"
#include "shared/base/list.h"
#include "shared/postgres/pg_pool.h"

enum key_scope {
    KEY_SCOPE_EVENTS_WRITE = 1,
    KEY_SCOPE_EVENTS_HISTORICAL = 2,
    KEY_SCOPE_METRICS_READ = 4
};

/* What was done with a key and is not written yet; ingest/timers/key_usage.c. */
struct key_use {
    struct list link;
    int64_t requests, events, writing_requests, writing_events;
};

struct key_seat;
struct networks;

/* Held by requests and unwritten use: it outlives its place in the cache. */
struct key {
    UT_hash_handle hh;
    struct list link;    /* keys that Postgres does not know, oldest first */
    struct list waiting; /* requests, through http_request.waiting */
    char public_id[API_KEY_PUBLIC_ID_SIZE];
    unsigned references;
    bool known, cached, looking_up, suspended, revoked;
    int64_t fetched_us; /* monotonic; 0: never */
    int32_t key_id, partner_id;
    char partner_code[CHANNEL_CODE_SIZE];
    unsigned char hash[API_KEY_HASH_BYTES];
    unsigned scopes; /* bits of key_scope */
    int environment;
    int64_t rate;       /* events per second, 0: the setting's */
    int64_t expires_ms; /* or when it has been replaced by another; 0: never */
    int64_t version;
    int64_t max_seats;         /* 0: any number */
    struct key_seat *seats;    /* ingest/http/key_seats.c */
    struct networks *networks; /* NULL: from everywhere */
    struct key_use use;
    struct token_bucket bucket;
};

struct keys;
struct http_request;

struct keys *keys_new(struct pg_pool *pool, struct counters *counters);
/* Decides about the request's Authorization header: sets request->key, or answers with a problem,
 * now or, with the request blocked meanwhile, later. */
void keys_authenticate(struct keys *keys, struct http_request *request, unsigned scopes);
void key_unref(struct key *key);
/* Forgets what is known of one key, so that its next use asks Postgres. */
void keys_drop(struct keys *keys, const char *public_id);
/* No look-up may be running. */
void keys_free(struct keys *keys);

#endif
