/* Seats of API keys with max_seats: how many end users may be seen with one. Who has a seat keeps
 * it; an event whose end user would be one more than there are is rejected. Postgres counts, under
 * the key's row lock, so that several workers cannot give more than there are; whom it gave a seat
 * is remembered with the key, and asked about again after an hour. A seat is taken before the event
 * is stored: that of an event which is refused after all stays taken. */
#ifndef MH_INGEST_KEY_SEATS_H
#define MH_INGEST_KEY_SEATS_H

#include "ingest/events/event.h"
#include "shared/base/base.h"
#include "shared/postgres/pg_array.h"
#include "shared/postgres/pg_pool.h"

struct key;
struct key_seat;

/* One request's; owned by it, alive until on_done. The caller fills the first block. */
struct seat_claim {
    struct pg_pool *pool;
    struct key *key; /* held by the request */
    struct arena *arena;
    struct event *events;
    uint32_t count;
    /* Every pending event's end user has a seat; with a reason: nothing is known. */
    void (*on_done)(struct seat_claim *claim, enum reason failure);
    void *owner;

    struct seat_question *asked;
    uint32_t asked_count;
    struct pg_array hashes;
    struct pg_param params[2];
};

/* on_done is called exactly once, possibly before this returns. */
void seat_claim(struct seat_claim *claim);
/* Forgets who has a seat of the key. */
void key_seats_clear(struct key *key);

#endif
