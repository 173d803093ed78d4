/* One row of a channel log, decoded once and shared by all that apply it: immutable,
 * reference-counted. A row of a feed says what changed; a row of a log that clients read (threads)
 * is passed on as it is. The decoders are strict: a payload of the wrong shape is refused as a
 * whole, and the feed takes what it missed from the log or a snapshot. Lives on the hub's loop. */
#ifndef MH_HUB_FEED_DELTA_H
#define MH_HUB_FEED_DELTA_H

#include <stddef.h>
#include <stdint.h>

#include "hub/feed/int_table.h"
#include "hub/feed/job_row.h"
#include "shared/access/channel_name.h"
#include "shared/base/base.h"

/* minute and the counters of enum counter (channel/counters.h), in the order of the wire */
#define FEED_COUNTER_COLUMNS 11
#define FEED_MESSAGE_MAX_BYTES (32u << 20)
#define FEED_EPOCH_SIZE 128
#define FEED_NAME_SIZE CHANNEL_NAME_SIZE

struct feed_delta {
    unsigned references;
    char *text; /* of a log: the row itself, and nothing else is set */
    size_t length;
    int64_t at_ms; /* time of the transaction */
    char partner[CHANNEL_CODE_SIZE];
    struct int_table counters;  /* minute, requested … started */
    struct int_table durations; /* minute, ms, n */
    struct int_table queues;    /* minute, ms, n */
    struct int_table open;      /* second, n */
    struct int_table users;     /* minute, n */
    int64_t gauges[3];          /* requested, queued, running */
    size_t job_count;
    struct job_row **jobs;
};

/* A message as Redis brings it. `delta` holds one reference. */
struct feed_message {
    char channel[FEED_NAME_SIZE];
    char epoch[FEED_EPOCH_SIZE];
    int64_t seq, platform_seq;
    struct feed_delta *delta;
};

/* All: 0, or -EINVAL and the output untouched. `bytes` need not be NUL-terminated. */
MUST_CHECK int feed_delta_decode(const char *bytes, size_t length, struct feed_delta **ret_delta);
MUST_CHECK int feed_message_decode(const char *bytes, size_t length,
                                   struct feed_message *ret_message);
/* Of a log. The message is `{"channel":"…","epoch":"…","seq":N,"payload":{…}}` with its members in
 * this order, so that the payload can be cut out as it is; the platform's position is 0. */
MUST_CHECK int log_row_decode(const char *bytes, size_t length, struct feed_delta **ret_delta);
MUST_CHECK int log_message_decode(const char *bytes, size_t length,
                                  struct feed_message *ret_message);
struct feed_delta *feed_delta_ref(struct feed_delta *delta);
/* NULL-safe. */
void feed_delta_unref(struct feed_delta *delta);

#endif
