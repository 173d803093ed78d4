#include "ingest/http/keys.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/key_seats.h"
#include "ingest/http/networks.h"
#include "ingest/http/problem.h"
#include "ingest/http/request.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define KNOWN_TTL_US (30 * 1000000)
#define UNKNOWN_TTL_US (5 * 1000000)
/* Anybody can invent ids, so those nobody knows have a small room of their own. */
#define MAX_UNKNOWN 4096u
#define MAX_CACHED 65536u

struct keys {
    struct pg_pool *pool;
    struct counters *counters;
    struct key *table; /* by public id, oldest first */
    struct list unknown;
    unsigned unknown_count;
};

/* What a request that waits for a look-up was asking for; in its arena. */
struct attempt {
    struct api_key presented;
    unsigned scopes;
};

struct lookup {
    struct keys *keys;
    struct key *key; /* held */
    struct pg_param param;
};

struct keys *keys_new(struct pg_pool *pool, struct counters *counters)
{
    struct keys *keys = memory_zalloc(sizeof(*keys));
    keys->pool = pool;
    keys->counters = counters;
    list_init(&keys->unknown);
    return keys;
}

void key_unref(struct key *key)
{
    if (!key || --key->references)
        return;
    key_seats_clear(key);
    networks_free(key->networks);
    free(key);
}

static void key_evict(struct keys *keys, struct key *key)
{
    if (!list_empty(&key->link)) {
        list_remove(&key->link);
        keys->unknown_count--;
    }
    HASH_DEL(keys->table, key);
    key->cached = false;
    key_unref(key);
}

void keys_free(struct keys *keys)
{
    struct key *key, *next;
    if (!keys)
        return;
    HASH_ITER(hh, keys->table, key, next)
    {
        key_evict(keys, key);
    }
    free(keys);
}

void keys_drop(struct keys *keys, const char *public_id)
{
    struct key *key;
    HASH_FIND_STR(keys->table, public_id, key);
    if (key)
        key->fetched_us = 0;
}

static struct key *key_get(struct keys *keys, const char *public_id)
{
    struct key *key;
    HASH_FIND_STR(keys->table, public_id, key);
    if (key)
        return key;
    if (HASH_COUNT(keys->table) >= MAX_CACHED)
        key_evict(keys, keys->table);
    key = memory_zalloc(sizeof(*key));
    list_init(&key->link);
    list_init(&key->waiting);
    list_init(&key->use.link);
    memcpy(key->public_id, public_id, sizeof(key->public_id));
    key->references = 1;
    key->cached = true;
    HASH_ADD_STR(keys->table, public_id, key);
    return key;
}

static bool key_fresh(const struct key *key)
{
    int64_t age = time_monotonic_us() - key->fetched_us;
    return key->fetched_us && age < (key->known ? KNOWN_TTL_US : UNKNOWN_TTL_US);
}

/* Why the presented key may not be used. Whether a public id exists, and what became of it, is told
 * only to who has its secret. */
static enum reason key_judge(const struct key *key, const struct attempt *attempt,
                             const char *address)
{
    bool same = api_key_hash_equal(&attempt->presented, key->hash);
    if (!key->known || !same || key->environment != (int)attempt->presented.environment)
        return REASON_KEY_INVALID;
    if (key->revoked)
        return REASON_KEY_REVOKED;
    if (key->expires_ms && key->expires_ms <= time_wall_ms())
        return REASON_KEY_EXPIRED;
    if (key->networks && !networks_contain(key->networks, address))
        return REASON_ADDRESS;
    if (key->suspended)
        return REASON_SUSPENDED;
    return (key->scopes & attempt->scopes) == attempt->scopes ? REASON_NONE : REASON_SCOPE;
}

/* Who has the secret: what he does is written to the key's account. */
static bool is_holder(enum reason reason)
{
    return reason == REASON_NONE || reason == REASON_ADDRESS || reason == REASON_SUSPENDED ||
           reason == REASON_SCOPE;
}

static const struct {
    const char *name;
    unsigned bit;
} scope_names[] = {{"events:write", KEY_SCOPE_EVENTS_WRITE},
                   {"events:historical", KEY_SCOPE_EVENTS_HISTORICAL},
                   {"metrics:read", KEY_SCOPE_METRICS_READ}};

static unsigned parse_scopes(const char *text)
{
    unsigned scopes = 0;
    while (text && *text) {
        size_t length = strcspn(text, " ");
        for (size_t i = 0; i < ARRAY_LENGTH(scope_names); i++)
            if (strlen(scope_names[i].name) == length &&
                memcmp(scope_names[i].name, text, length) == 0)
                scopes |= scope_names[i].bit;
        text += length + (text[length] == ' ');
    }
    return scopes;
}

static const char *missing_scope(struct http_request *request, unsigned scopes)
{
    for (size_t i = 0; i < ARRAY_LENGTH(scope_names); i++)
        if (scopes & scope_names[i].bit)
            return arena_printf(&request->arena, "the key needs the scope %s", scope_names[i].name);
    return NULL;
}

static void decide(struct key *key, struct http_request *request, const struct attempt *attempt)
{
    enum reason reason = key_judge(key, attempt, request->address);
    if (is_holder(reason)) {
        key->references++;
        request->key = key;
    }
    if (reason == REASON_NONE)
        http_request_unblock(request);
    else
        http_problem(request, reason,
                     reason == REASON_SCOPE ? missing_scope(request, attempt->scopes & ~key->scopes)
                                            : NULL,
                     NULL);
}

static void wake_waiting(struct key *key, enum reason failure)
{
    while (!list_empty(&key->waiting)) {
        struct http_request *request = LIST_ITEM(key->waiting.next, struct http_request, waiting);
        list_remove(&request->waiting);
        if (request->answered)
            continue;
        if (failure == REASON_NONE)
            decide(key, request, request->work);
        else
            http_problem(request, failure, "the API key cannot be checked now", NULL);
    }
}

static bool status_closed(const char *status)
{
    return !status || strcmp(status, "suspended") == 0 || strcmp(status, "churned") == 0;
}

/* A list that cannot be read lets nobody in. */
static bool read_networks(struct key *key, const char *text)
{
    networks_free(key->networks);
    key->networks = NULL;
    if (!text || !*text || networks_parse(text, &key->networks) == 0)
        return true;
    log_error("key %s has an address list that cannot be read", key->public_id);
    return false;
}

/* Whom Postgres gave a seat keeps it, unless somebody changed the key. */
static void read_seats(struct key *key, int64_t max_seats, int64_t version)
{
    if (key->version != version)
        key_seats_clear(key);
    key->version = version;
    key->max_seats = max_seats;
}

static void key_read(struct key *key, const struct pg_result *result)
{
    const char *code = pg_result_text(result, 0, 2, NULL);
    const char *hash = pg_result_text(result, 0, 4, NULL);
    size_t length = 0;
    key->key_id = (int32_t)pg_result_i64(result, 0, 0, 0);
    key->partner_id = (int32_t)pg_result_i64(result, 0, 1, 0);
    snprintf(key->partner_code, sizeof(key->partner_code), "%s", code ? code : "");
    key->suspended = status_closed(pg_result_text(result, 0, 3, NULL));
    key->known = hash &&
                 sodium_hex2bin(key->hash, sizeof(key->hash), hash, strlen(hash), NULL, &length,
                                NULL) == 0 &&
                 length == sizeof(key->hash);
    key->scopes = parse_scopes(pg_result_text(result, 0, 5, NULL));
    key->environment = (int)pg_result_i64(result, 0, 6, 0);
    key->rate = pg_result_i64(result, 0, 7, 0);
    key->expires_ms = pg_result_i64(result, 0, 8, 0);
    key->revoked = pg_result_bool(result, 0, 9);
    read_seats(key, pg_result_i64(result, 0, 10, 0), pg_result_i64(result, 0, 11, 0));
    key->known = read_networks(key, pg_result_text(result, 0, 12, NULL)) && key->known;
}

/* Keeps the list of unknown keys in step with key->known. */
static void key_classify(struct keys *keys, struct key *key)
{
    if (!list_empty(&key->link)) {
        list_remove(&key->link);
        keys->unknown_count--;
    }
    if (key->known || !key->cached)
        return;
    list_append(&keys->unknown, &key->link);
    if (++keys->unknown_count > MAX_UNKNOWN)
        key_evict(keys, LIST_ITEM(keys->unknown.next, struct key, link));
}

static void on_lookup(void *owner, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 1000};
    struct lookup *lookup = owner;
    struct key *key = lookup->key;
    enum reason failure = REASON_NONE;
    key->looking_up = false;
    if (pg_result_failure(result) != PG_OK) {
        failure = REASON_UNAVAILABLE;
        log_limited(&limit, LOG_LEVEL_WARNING, "key_lookup failed: %s %s",
                    pg_result_sqlstate(result), pg_result_message(result));
    } else {
        key->known = false;
        key->fetched_us = time_monotonic_us();
        if (pg_result_rows(result) == 1)
            key_read(key, result);
        key_classify(lookup->keys, key);
    }
    wake_waiting(key, failure);
    key_unref(key);
    free(lookup);
}

static void key_look_up(struct keys *keys, struct key *key)
{
    struct lookup *lookup = memory_zalloc(sizeof(*lookup));
    *lookup = (struct lookup){keys, key, {.data = key->public_id}};
    lookup->param.length = (int32_t)strlen(key->public_id);
    struct pg_query query = {
        .name = "key_lookup",
        .statement = "SELECT key_id, partner_id, partner_code, partner_status,"
                     " encode(secret_sha256, 'hex'), array_to_string(scopes, ' '), environment,"
                     " rate_limit, expires_at_ms, revoked, max_seats, version,"
                     " array_to_string(ip_allow, ' ') FROM api.key_lookup($1)",
        .params = &lookup->param,
        .param_count = 1,
        .on_result = on_lookup,
        .owner = lookup,
        .timeout_ms = 5000,
    };
    key->references++;
    key->looking_up = true;
    keys->counters->key_lookups++;
    if (pg_pool_query(keys->pool, &query) == 0)
        return;
    key->looking_up = false;
    wake_waiting(key, REASON_UNAVAILABLE);
    key_unref(key);
    free(lookup);
}

void keys_authenticate(struct keys *keys, struct http_request *request, unsigned scopes)
{
    const char *text = http_request_bearer(request);
    struct attempt *attempt = arena_alloc(&request->arena, sizeof(*attempt));
    attempt->scopes = scopes;
    if (!text) {
        http_problem(request, REASON_UNAUTHORIZED, "send Authorization: Bearer <API key>", NULL);
        return;
    }
    if (api_key_parse(text, strlen(text), &attempt->presented)) {
        http_problem(request, REASON_KEY_INVALID, "it is not a complete API key", NULL);
        return;
    }
    struct key *key = key_get(keys, attempt->presented.public_id);
    if (key_fresh(key)) {
        decide(key, request, attempt);
        return;
    }
    request->work = attempt;
    http_request_block(request);
    list_append(&key->waiting, &request->waiting);
    if (!key->looking_up)
        key_look_up(keys, key);
}
