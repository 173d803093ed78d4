#include "ingest/http/key_seats.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "ingest/http/keys.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/sha256.h"
#include "shared/base/time.h"

#define CONFIRMED_US (INT64_C(3600) * 1000 * 1000)
/* Of one key; whoever has a later seat is asked about each time. */
#define MAX_REMEMBERED 100000u

struct key_seat {
    UT_hash_handle hh;
    unsigned char hash[SHA256_BYTES];
    int64_t confirmed_us; /* monotonic */
};

struct seat_question {
    struct event *event;
    unsigned char hash[SHA256_BYTES];
};

void key_seats_clear(struct key *key)
{
    struct key_seat *seat, *next;
    HASH_ITER(hh, key->seats, seat, next)
    {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): does not see that deleting moves the head */
        HASH_DEL(key->seats, seat);
        free(seat);
    }
}

static void seat_remember(struct key *key, const unsigned char hash[SHA256_BYTES])
{
    struct key_seat *seat;
    HASH_FIND(hh, key->seats, hash, SHA256_BYTES, seat);
    if (!seat) {
        if (HASH_COUNT(key->seats) >= MAX_REMEMBERED)
            return;
        seat = memory_zalloc(sizeof(*seat));
        memcpy(seat->hash, hash, SHA256_BYTES);
        HASH_ADD(hh, key->seats, hash, SHA256_BYTES, seat);
    }
    seat->confirmed_us = time_monotonic_us();
}

static bool seat_known(const struct key *key, const unsigned char hash[SHA256_BYTES])
{
    struct key_seat *seat;
    HASH_FIND(hh, key->seats, hash, SHA256_BYTES, seat);
    return seat && time_monotonic_us() - seat->confirmed_us < CONFIRMED_US;
}

static void claim_done(struct seat_claim *claim, enum reason failure)
{
    pg_array_done(&claim->hashes);
    claim->on_done(claim, failure);
}

/* `{t,f,…}`, one per question. Anything else gives nobody a seat. */
static void apply_answer(struct seat_claim *claim, const char *answer)
{
    const char *at = answer && *answer == '{' ? answer + 1 : "";
    for (uint32_t i = 0; i < claim->asked_count; i++) {
        const struct seat_question *question = &claim->asked[i];
        if (*at == 't')
            seat_remember(claim->key, question->hash);
        else
            event_reject(question->event, REASON_SEAT_LIMIT, "data.end_user",
                         "all seats of the API key are taken by other end users");
        at += strcspn(at, ",");
        at += *at == ',';
    }
}

static void on_result(void *owner, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 1000};
    struct seat_claim *claim = owner;
    if (pg_result_failure(result) == PG_OK && pg_result_rows(result) == 1) {
        apply_answer(claim, pg_result_text(result, 0, 0, NULL));
        claim_done(claim, REASON_NONE);
        return;
    }
    log_limited(&limit, LOG_LEVEL_WARNING, "seats of key %s: %s %s", claim->key->public_id,
                pg_result_sqlstate(result), pg_result_message(result));
    claim_done(claim, REASON_UNAVAILABLE);
}

static void collect(struct seat_claim *claim)
{
    claim->asked = arena_array(claim->arena, claim->count, sizeof(*claim->asked));
    claim->asked_count = 0;
    for (uint32_t i = 0; i < claim->count; i++) {
        struct event *event = &claim->events[i];
        struct seat_question *question = &claim->asked[claim->asked_count];
        if (event->status != EVENT_PENDING || !event->end_user.bytes)
            continue;
        sha256_begin();
        sha256_add(event->end_user.bytes, event->end_user.length);
        sha256_end(question->hash);
        question->event = event;
        if (seat_known(claim->key, question->hash))
            continue;
        claim->asked_count++;
        pg_array_add_bytes(&claim->hashes, question->hash, SHA256_BYTES);
    }
}

void seat_claim(struct seat_claim *claim)
{
    pg_array_init(&claim->hashes, PG_BYTEA);
    collect(claim);
    if (claim->asked_count == 0) {
        claim_done(claim, REASON_NONE);
        return;
    }
    const char *key_id = arena_i64(claim->arena, claim->key->key_id);
    claim->params[0] = (struct pg_param){.data = key_id, .length = (int32_t)strlen(key_id)};
    claim->params[1] = pg_array_param(&claim->hashes);
    struct pg_query query = {
        .name = "key_seats",
        .statement = "SELECT api.key_seats($1::int, $2)",
        .params = claim->params,
        .param_count = 2,
        .on_result = on_result,
        .owner = claim,
        .timeout_ms = 5000,
    };
    if (pg_pool_query(claim->pool, &query))
        claim_done(claim, REASON_UNAVAILABLE);
}
