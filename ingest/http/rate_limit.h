/* Token buckets: of a key, held in its cache entry, and of addresses, held in a bounded table. */
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

struct address_limit;

struct address_limit *address_limit_new(double per_second, double burst, unsigned max_addresses);
bool address_limit_take(struct address_limit *limit, const char *address, int64_t now_us,
                        int64_t *ret_wait_ms);
void address_limit_free(struct address_limit *limit);

#endif
