/* One job as the feed carries it: an immutable, reference-counted row of typed fields. The table
 * below is the only list of a job's fields; what is not in it is dropped, and each field's class
 * decides who may see it. Lives on the hub's loop. */
#ifndef MH_HUB_JOB_ROW_H
#define MH_HUB_JOB_ROW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/access/role.h"
#include "shared/base/base.h"

enum job_field_type { JOB_TEXT, JOB_INTEGER, JOB_COST };

/* name, type, class, name in the feed, name for clients */
#define JOB_FIELD_TABLE(X)                                                                         \
    X(PARTNER, TEXT, F0, "partner", "partner")                                                     \
    X(STATE, TEXT, F0, "state", "state")                                                           \
    X(ATTEMPT, INTEGER, F0, "attempt", "attempt")                                                  \
    X(MODEL, TEXT, F0, "model", "model")                                                           \
    X(ENTRYPOINT, TEXT, F0, "entrypoint", "entrypoint")                                            \
    X(PROJECT, TEXT, F0, "project", "project")                                                     \
    X(REQUESTED_AT, INTEGER, F0, "requested_at", "requested_at")                                   \
    X(QUEUED_AT, INTEGER, F0, "queued_at", "queued_at")                                            \
    X(STARTED_AT, INTEGER, F0, "started_at", "started_at")                                         \
    X(COMPLETED_AT, INTEGER, F0, "completed_at", "completed_at")                                   \
    X(FAILED_AT, INTEGER, F0, "failed_at", "failed_at")                                            \
    X(CANCELLED_AT, INTEGER, F0, "cancelled_at", "cancelled_at")                                   \
    X(PUBLISHED_AT, INTEGER, F0, "published_at", "published_at")                                   \
    X(PROGRESS, INTEGER, F0, "progress", "progress")                                               \
    X(DURATION_MS, INTEGER, F0, "duration_ms", "duration_ms")                                      \
    X(QUEUE_MS, INTEGER, F0, "queue_ms", "queue_ms")                                               \
    X(UNITS, INTEGER, F0, "units", "units")                                                        \
    X(TOKENS, INTEGER, F0, "tokens", "tokens")                                                     \
    X(COST, COST, F2, "cost_micros", "cost")                                                       \
    X(ERROR_CLASS, TEXT, F0, "error_class", "error_class")                                         \
    X(ERROR_MESSAGE, TEXT, F1, "error_message", "error_message")                                   \
    X(PROMPT, TEXT, F1, "prompt", "prompt")                                                        \
    X(ASSET_URL, TEXT, F1, "asset_url", "asset_url")                                               \
    X(END_USER, TEXT, F3, "end_user", "end_user")                                                  \
    X(UPDATED_AT, INTEGER, F0, "updated_at", "updated_at")

enum job_field {
#define X(name, type, class, wire, client) JOB_FIELD_##name,
    JOB_FIELD_TABLE(X)
#undef X
        JOB_FIELD_COUNT
};

struct job_field_info {
    enum job_field_type type;
    enum field_class class;
    const char *wire, *client;
};

extern const struct job_field_info job_fields[JOB_FIELD_COUNT];

struct job_value {
    bool present;
    int64_t number;
    char *text; /* of JOB_TEXT; owned by the row */
    size_t length;
};

struct job_row {
    unsigned references;
    char *id;
    size_t id_length;
    struct job_value values[JOB_FIELD_COUNT];
};

#define JOB_ID_MAX_BYTES 1024
#define JOB_TEXT_MAX_BYTES 65536

/* One reference, held by the caller. 0, or -EINVAL: no id, no requested_at, or a field of the wrong
 * type. */
MUST_CHECK int job_row_read(const json_t *object, struct job_row **ret_row);
struct job_row *job_row_ref(struct job_row *row);
/* NULL-safe. */
void job_row_unref(struct job_row *row);
bool job_value_equal(const struct job_value *a, const struct job_value *b);

#endif
