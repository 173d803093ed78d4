#include "ingest/http/key_rate.h"

#include "ingest/http/problem.h"
#include "ingest/ingest.h"
#include "shared/base/time.h"

bool key_take_rate(struct ingest *ingest, struct http_request *request, uint32_t count)
{
    const struct ingest_settings *settings = &ingest->settings;
    struct key *key = request->key;
    int64_t rate = key->rate ? key->rate : settings->rate, wait_ms = 0;
    if (rate == 0)
        return true;
    double burst = (double)(rate > settings->max_batch ? rate : settings->max_batch);
    if (key->rate && key->rate < settings->max_batch)
        burst = (double)key->rate;
    bool room =
        token_bucket_take(&key->bucket, (double)rate, burst, count, time_monotonic_us(), &wait_ms);
    int64_t left = key->bucket.tokens > 0 ? (int64_t)key->bucket.tokens : 0;
    int64_t reset = (int64_t)((burst - key->bucket.tokens) / (double)rate) + 1;
    http_reply_header(request, "RateLimit-Limit", arena_i64(&request->arena, rate));
    http_reply_header(request, "RateLimit-Remaining", arena_i64(&request->arena, left));
    http_reply_header(request, "RateLimit-Reset", arena_i64(&request->arena, reset));
    if (room)
        return true;
    reply_retry_after(request, wait_ms);
    http_problem(request, REASON_RATE_LIMITED, "the API key's events per second are used up", NULL);
    return false;
}
