/* Posts batches of CloudEvents to metrics-ingest over a few keep-alive connections. A batch stays
 * with the poster until the server has given a verdict on each of its events: 429, 502, 503, 504
 * and connection errors are retried with the same bytes, after Retry-After or a growing pause,
 * which is safe because event ids are stable. Single-threaded; progress is made in poster_wait. */
#ifndef MH_POSTER_H
#define MH_POSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/base.h"
#include "shared/base/buffer.h"

enum post_verdict { POST_UNKNOWN, POST_ACCEPTED, POST_DUPLICATE, POST_REJECTED };

struct post {
    const char *key; /* API key; borrowed */
    void *tag;       /* the caller's */
    struct buffer body;
    unsigned count; /* events in the body */
    enum post_verdict verdicts[];
};

/* Freed by the poster, or with post_free if it was never sent. */
struct post *post_new(const char *key, unsigned count, void *tag);
void post_free(struct post *post);

struct post_result {
    int status;         /* HTTP; 0: no answer within the patience */
    bool judged;        /* every event has a verdict */
    const char *detail; /* why not, or of the first rejected event: "field: reason"; else "" */
};

struct poster_options {
    const char *url; /* of metrics-ingest, without a path; copied */
    unsigned connections;
    int64_t patience_ms; /* how long to retry one batch; 0 = for ever */
    /* The result, once per batch; `post` is freed afterwards. */
    void (*on_posted)(void *owner, const struct post *post, const struct post_result *result);
    void *owner;
};

struct poster;

/* 0 or -EINVAL if libcurl does not take the URL. */
MUST_CHECK int poster_new(const struct poster_options *options, struct poster **ret_poster);
void poster_free(struct poster *poster);
/* Batches that are under way or wait for their next try. */
unsigned poster_busy(const struct poster *poster);
bool poster_has_room(const struct poster *poster);
/* Takes the batch over; there must be room. */
void poster_send(struct poster *poster, struct post *post);
/* Waits for something to happen, at most `timeout_ms`, and calls on_posted for what is done. */
void poster_wait(struct poster *poster, int timeout_ms);
/* As a crash of the producer would: cuts the connections and forgets the batches, without
 * on_posted. What the server made of them is unknown. */
void poster_abort(struct poster *poster);
uint64_t poster_retries(const struct poster *poster);

#endif
