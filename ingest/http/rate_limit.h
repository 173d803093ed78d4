/* Token buckets: of a key, held in its cache entry, and of addresses and users, held in bounded
 * tables. */
#ifndef MH_INGEST_RATE_LIMIT_H
#define MH_INGEST_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/base.h"

struct token_bucket {
    double tokens;
    int64_t updated_us; /* monotonic; 0: full, never used */
};

/* Takes `count` if the bucket holds that much, or is full when count is more than it can hold (the
 * bucket then owes the rest). Otherwise false and *ret_wait_ms until it would. */
bool token_bucket_take(struct token_bucket *bucket, double per_second, double burst, double count,
                       int64_t now_us, int64_t *ret_wait_ms);

/* One bucket per name (an address, a user's id); past max_names the oldest is forgotten. */
#define RATE_NAME_SIZE 46
struct rate_table;

struct rate_table *rate_table_new(double per_second, double burst, unsigned max_names);
/* For buckets in use too. */
void rate_table_set_rate(struct rate_table *table, double per_second, double burst);
bool rate_table_take(struct rate_table *table, const char *name, int64_t now_us,
                     int64_t *ret_wait_ms);
void rate_table_free(struct rate_table *table);

#endif
