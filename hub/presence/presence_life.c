/* Being alive in Redis. Whenever the link comes up, and at each third of the TTL, Redis is asked
 * whether our key is still there. If it is not, either Redis has lost its data or another hub has
 * taken us for dead: we go on under a new id, so that its clearing up cannot hit what we write. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "hub/presence/presence_internal.h"
#include "shared/base/log.h"
#include "shared/base/time.h"

#define RETRY_MS 1000

static struct log_limit limit = {.interval_ms = 60000};

static uint64_t interval_ms(const struct presence *presence)
{
    return (uint64_t)presence->settings->presence_ttl_ms / 3;
}

static void on_timer(uv_timer_t *timer)
{
    struct presence *presence = timer->data;
    if (presence->state != PRESENCE_AWAY)
        presence_life_check(presence);
}

static void check_in(struct presence *presence, uint64_t delay_ms)
{
    uv_timer_start(&presence->life_timer, on_timer, delay_ms, 0);
}

bool presence_life_stale(const struct presence *presence)
{
    return time_monotonic_us() / 1000 - presence->confirmed_ms >
           presence->settings->presence_ttl_ms;
}

static void begin_anew(struct presence *presence)
{
    unsigned char bytes[(PRESENCE_ID_SIZE - 1) / 2];
    char key[PRESENCE_KEY_SIZE], ttl[24];
    memcpy(presence->old_id, presence->id, sizeof(presence->old_id));
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2hex(presence->id, sizeof(presence->id), bytes, sizeof(bytes));
    (void)snprintf(ttl, sizeof(ttl), "%lld", (long long)presence->settings->presence_ttl_ms);
    presence_key(presence, key, "alive", presence->id, NULL);
    PRESENCE_WRITE(presence, "SET", key, "1", "PX", ttl);
    presence_key(presence, key, "hubs", NULL, NULL);
    PRESENCE_WRITE(presence, "SADD", key, presence->id);
}

static void become_ready(struct presence *presence)
{
    presence->state = PRESENCE_READY;
    presence->confirmed_ms = time_monotonic_us() / 1000;
    presence_flush_soon(presence, 0);
    presence_sweep_begin(presence->sweep);
    check_in(presence, interval_ms(presence));
}

static void on_gone(void *owner, const struct redis_value *reply)
{
    struct presence *presence = owner;
    bool was_checking = presence->state == PRESENCE_CHECKING;
    if (!reply || presence->state == PRESENCE_CLOSED)
        return;
    if (redis_value_error(reply)) {
        log_limited(&limit, LOG_LEVEL_WARNING, "presence: %s", redis_value_error(reply));
        check_in(presence, RETRY_MS);
        return;
    }
    bool faulty = presence->faulty;
    presence->faulty = false;
    if (!presence->alive) {
        begin_anew(presence);
        presence_rewrite(presence, redis_value_integer(reply, 0) == 0);
    } else if (was_checking || faulty) {
        presence_rewrite(presence, true);
    }
    become_ready(presence);
}

static void on_alive(void *owner, const struct redis_value *reply)
{
    struct presence *presence = owner;
    presence->alive = reply && redis_value_integer(reply, 0) == 1;
}

void presence_life_check(struct presence *presence)
{
    char key[PRESENCE_KEY_SIZE], ttl[24];
    const char *id = *presence->id ? presence->id : "none";
    (void)snprintf(ttl, sizeof(ttl), "%lld", (long long)presence->settings->presence_ttl_ms);
    presence_key(presence, key, "alive", id, NULL);
    int error = PRESENCE_SEND(presence, on_alive, presence, "PEXPIRE", key, ttl);
    presence_key(presence, key, "gone", id, NULL);
    if (!error)
        error = PRESENCE_SEND(presence, on_gone, presence, "EXISTS", key);
    /* Without an answer within the TTL nothing counts as confirmed. */
    check_in(presence, error ? RETRY_MS : interval_ms(presence));
}

void presence_life_on_link(struct presence *presence, bool up)
{
    presence->state = up ? PRESENCE_CHECKING : PRESENCE_AWAY;
    if (up)
        presence_life_check(presence);
}
