/* One decoded event and its verdict, without any vendor's type. Strings live in the arena of the
 * batch, `raw` in the request's body; both outlive the commit. */
#ifndef MH_INGEST_EVENT_H
#define MH_INGEST_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/events/arena.h"
#include "ingest/events/reason.h"

/* name, number as stored, CloudEvents type, whether data.job is required */
#define EVENT_TYPE_TABLE(X)                                                                        \
    X(REQUESTED, 1, "generation.requested", true)                                                  \
    X(QUEUED, 2, "generation.queued", true)                                                        \
    X(STARTED, 3, "generation.started", true)                                                      \
    X(PROGRESS, 4, "generation.progress", true)                                                    \
    X(COMPLETED, 5, "generation.completed", true)                                                  \
    X(FAILED, 6, "generation.failed", true)                                                        \
    X(RETRIED, 7, "generation.retried", true)                                                      \
    X(CANCELLED, 8, "generation.cancelled", true)                                                  \
    X(PUBLICATION_REQUESTED, 20, "publication.requested", true)                                    \
    X(PUBLISHED, 21, "publication.published", true)                                                \
    X(PUBLICATION_FAILED, 22, "publication.failed", true)                                          \
    X(HEARTBEAT, 30, "worker.heartbeat", false)                                                    \
    X(STORAGE, 31, "storage.sampled", false)

enum event_type {
#define X(name, number, text, needs_job) EVENT_##name = number,
    EVENT_TYPE_TABLE(X)
#undef X
};

enum event_status { EVENT_PENDING, EVENT_ACCEPTED, EVENT_DUPLICATE, EVENT_REJECTED };

#define EVENT_HASH_BYTES 32
#define EVENT_NO_NUMBER INT64_MIN /* absent number */

struct event {
    uint32_t index; /* place in the request */
    enum event_status status;
    enum reason reason; /* if rejected */
    const char *field;  /* NUL-terminated, or NULL */
    const char *detail; /* NUL-terminated, or NULL */
    struct text raw;    /* as sent */

    struct text id, source;
    enum event_type type;
    bool historical;
    int64_t occurred_us;
    int64_t attempt, tokens, units, cost_micros, progress;
    struct text job, model, entrypoint, project, end_user;
    struct text error_class, error_message, prompt, asset_url, lms, external_id;
    struct text data; /* JSON object, compact, keys sorted */
    unsigned char hash[EVENT_HASH_BYTES];
};

/* Marks it rejected, once: the first fault is the one that is told. */
void event_reject(struct event *event, enum reason reason, const char *field, const char *detail);
/* 0 or -EINVAL. */
MUST_CHECK int event_type_parse(struct text text, enum event_type *ret_type);
bool event_type_needs_job(enum event_type type);

#endif
