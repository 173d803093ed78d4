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

struct rate {
    UT_hash_handle hh;
    struct token_bucket bucket;
    char name[RATE_NAME_SIZE];
};

struct rate_table {
    struct rate *rates; /* oldest first */
    double per_second, burst;
    unsigned max_names;
};

struct rate_table *rate_table_new(double per_second, double burst, unsigned max_names)
{
    struct rate_table *table = memory_zalloc(sizeof(*table));
    table->per_second = per_second;
    table->burst = burst;
    table->max_names = max_names;
    return table;
}

static struct rate *rate_get(struct rate_table *table, const char *name)
{
    struct rate *rate;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): does not see that deleting moves the head */
    HASH_FIND_STR(table->rates, name, rate);
    if (rate)
        return rate;
    if (HASH_COUNT(table->rates) >= table->max_names) {
        struct rate *oldest = table->rates;
        HASH_DEL(table->rates, oldest);
        free(oldest);
    }
    rate = memory_zalloc(sizeof(*rate));
    snprintf(rate->name, sizeof(rate->name), "%s", name);
    HASH_ADD_STR(table->rates, name, rate);
    return rate;
}

void rate_table_set_rate(struct rate_table *table, double per_second, double burst)
{
    table->per_second = per_second;
    table->burst = burst;
}

bool rate_table_take(struct rate_table *table, const char *name, int64_t now_us,
                     int64_t *ret_wait_ms)
{
    return token_bucket_take(&rate_get(table, name)->bucket, table->per_second, table->burst, 1,
                             now_us, ret_wait_ms);
}

void rate_table_free(struct rate_table *table)
{
    struct rate *rate, *next;
    if (!table)
        return;
    HASH_ITER(hh, table->rates, rate, next)
    {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
        HASH_DEL(table->rates, rate);
        free(rate);
    }
    free(table);
}
