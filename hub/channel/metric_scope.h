/* The metric states behind one metrics channel: of a partner a single one, of the platform the
 * total and one per partner. Filled from api.metrics_snapshot, changed by deltas, compared by the
 * reconciler. Lives on the hub's loop, owned by a channel. */
#ifndef MH_HUB_METRIC_SCOPE_H
#define MH_HUB_METRIC_SCOPE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/channel/metric_state.h"
#include "hub/channel/partner_names.h"

struct scope_partner {
    const struct partner_entry *entry;
    struct metric_state *state;
};

struct metric_scope {
    bool platform;
    int64_t stuck_after_ms;
    struct partner_names *names; /* borrowed */
    struct metric_state *total;
    size_t partner_count, partner_capacity; /* 0 unless platform */
    struct scope_partner *partners;         /* sorted by entry->id */
};

struct metric_scope *metric_scope_new(bool platform, struct partner_names *names, int64_t now_ms,
                                      int64_t stuck_after_ms);
/* NULL-safe. */
void metric_scope_free(struct metric_scope *scope);
/* `snapshot`: the parsed JSON. 0 or -EINVAL: the scope is then useless. */
MUST_CHECK int metric_scope_load(struct metric_scope *scope, const json_t *snapshot);
/* Moves the scope to another directory, to which its partners are added. */
void metric_scope_use_names(struct metric_scope *scope, struct partner_names *names);
void metric_scope_apply(struct metric_scope *scope, const struct feed_delta *delta);
void metric_scope_advance(struct metric_scope *scope, int64_t now_ms);
/* See metric_state_equal. */
bool metric_scope_equal(const struct metric_scope *a, const struct metric_scope *b, char *out,
                        size_t size);

#endif
