#include "ingest/http/rate_limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "shared/base/memory.h"

bool token_bucket_take(struct token_bucket *bucket, double per_second, double burst, double count,
                       int64_t now_us, int64_t *ret_wait_ms)
{
    if (bucket->updated_us == 0)
        bucket->tokens = burst;
    else if (now_us > bucket->updated_us)
        bucket->tokens += (double)(now_us - bucket->updated_us) * 1e-6 * per_second;
    bucket->tokens = fmin(bucket->tokens, burst);
    bucket->updated_us = now_us;
    double needed = fmin(count, burst);
    if (bucket->tokens < needed) {
        *ret_wait_ms = (int64_t)ceil((needed - bucket->tokens) / per_second * 1000);
        return false;
    }
    bucket->tokens -= count;
    return true;
}

struct address {
    UT_hash_handle hh;
    struct token_bucket bucket;
    char text[46];
};

struct address_limit {
    struct address *addresses; /* oldest first */
    double per_second, burst;
    unsigned max_addresses;
};

struct address_limit *address_limit_new(double per_second, double burst, unsigned max_addresses)
{
    struct address_limit *limit = memory_zalloc(sizeof(*limit));
    limit->per_second = per_second;
    limit->burst = burst;
    limit->max_addresses = max_addresses;
    return limit;
}

static struct address *address_get(struct address_limit *limit, const char *text)
{
    struct address *address;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): does not see that deleting moves the head */
    HASH_FIND_STR(limit->addresses, text, address);
    if (address)
        return address;
    if (HASH_COUNT(limit->addresses) >= limit->max_addresses) {
        struct address *oldest = limit->addresses;
        HASH_DEL(limit->addresses, oldest);
        free(oldest);
    }
    address = memory_zalloc(sizeof(*address));
    snprintf(address->text, sizeof(address->text), "%s", text);
    HASH_ADD_STR(limit->addresses, text, address);
    return address;
}

bool address_limit_take(struct address_limit *limit, const char *address, int64_t now_us,
                        int64_t *ret_wait_ms)
{
    return token_bucket_take(&address_get(limit, address)->bucket, limit->per_second, limit->burst,
                             1, now_us, ret_wait_ms);
}

void address_limit_free(struct address_limit *limit)
{
    struct address *address, *next;
    if (!limit)
        return;
    HASH_ITER(hh, limit->addresses, address, next)
    {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
        HASH_DEL(limit->addresses, address);
        free(address);
    }
    free(limit);
}
