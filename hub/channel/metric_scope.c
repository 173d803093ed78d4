#include "hub/channel/metric_scope.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

struct metric_scope *metric_scope_new(bool platform, struct partner_names *names, int64_t now_ms,
                                      int64_t stuck_after_ms)
{
    struct metric_scope *scope = memory_zalloc(sizeof(*scope));
    scope->platform = platform;
    scope->names = names;
    scope->stuck_after_ms = stuck_after_ms;
    scope->total = metric_state_new(now_ms, stuck_after_ms);
    return scope;
}

void metric_scope_free(struct metric_scope *scope)
{
    if (!scope)
        return;
    for (size_t i = 0; i < scope->partner_count; i++)
        metric_state_free(scope->partners[i].state);
    free(scope->partners);
    metric_state_free(scope->total);
    free(scope);
}

static size_t partner_position(const struct metric_scope *scope, uint32_t id)
{
    size_t low = 0, high = scope->partner_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (scope->partners[middle].entry->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct metric_state *partner_state(struct metric_scope *scope, const char *code)
{
    const struct partner_entry *entry = partner_names_get(scope->names, code);
    size_t at = partner_position(scope, entry->id);
    if (at < scope->partner_count && scope->partners[at].entry == entry)
        return scope->partners[at].state;
    if (scope->partner_count == scope->partner_capacity) {
        scope->partner_capacity = scope->partner_capacity ? scope->partner_capacity * 2 : 8;
        scope->partners =
            memory_realloc(scope->partners, scope->partner_capacity * sizeof(*scope->partners));
    }
    memmove(scope->partners + at + 1, scope->partners + at,
            (scope->partner_count - at) * sizeof(*scope->partners));
    scope->partners[at] = (struct scope_partner){
        .entry = entry, .state = metric_state_new(scope->total->now_ms, scope->stuck_after_ms)};
    scope->partner_count++;
    return scope->partners[at].state;
}

static int load_partner(struct metric_scope *scope, const json_t *partner)
{
    const char *code = json_string_value(json_object_get(partner, "code"));
    const char *name = json_string_value(json_object_get(partner, "name"));
    if (!code || !partner_code_valid(code, strlen(code)))
        return -EINVAL;
    if (name)
        partner_names_set(scope->names, code, name);
    int error = metric_state_load(scope->total, partner);
    if (!error && scope->platform)
        error = metric_state_load(partner_state(scope, code), partner);
    return error;
}

int metric_scope_load(struct metric_scope *scope, const json_t *snapshot)
{
    const json_t *partners = json_object_get(snapshot, "partners");
    if (!json_is_array(partners))
        return -EINVAL;
    int error = 0;
    for (size_t i = 0; i < json_array_size(partners) && !error; i++)
        error = load_partner(scope, json_array_get(partners, i));
    return error;
}

static int by_id(const void *left, const void *right)
{
    const struct scope_partner *a = left, *b = right;
    return (a->entry->id > b->entry->id) - (a->entry->id < b->entry->id);
}

void metric_scope_use_names(struct metric_scope *scope, struct partner_names *names)
{
    for (uint32_t i = 0; i < scope->names->count; i++) {
        const struct partner_entry *entry = scope->names->by_id[i];
        if (entry->version)
            partner_names_set(names, entry->code, entry->name);
    }
    for (size_t i = 0; i < scope->partner_count; i++)
        scope->partners[i].entry = partner_names_get(names, scope->partners[i].entry->code);
    if (scope->partner_count)
        qsort(scope->partners, scope->partner_count, sizeof(*scope->partners), by_id);
    scope->names = names;
}

void metric_scope_apply(struct metric_scope *scope, const struct feed_delta *delta)
{
    metric_state_apply(scope->total, delta);
    if (scope->platform)
        metric_state_apply(partner_state(scope, delta->partner), delta);
}

void metric_scope_advance(struct metric_scope *scope, int64_t now_ms)
{
    metric_state_advance(scope->total, now_ms);
    for (size_t i = 0; i < scope->partner_count; i++)
        metric_state_advance(scope->partners[i].state, now_ms);
}

/* A partner that only one side has counts as one without any data. */
static bool partner_equal(const struct metric_scope *a, const struct metric_scope *b, uint32_t id,
                          char *out, size_t size)
{
    size_t i = partner_position(a, id), j = partner_position(b, id);
    bool in_a = i < a->partner_count && a->partners[i].entry->id == id;
    bool in_b = j < b->partner_count && b->partners[j].entry->id == id;
    struct metric_state *nothing = NULL;
    if (!in_a || !in_b)
        nothing = metric_state_new(a->total->now_ms, a->stuck_after_ms);
    char field[128] = "";
    bool equal = metric_state_equal(in_a ? a->partners[i].state : nothing,
                                    in_b ? b->partners[j].state : nothing, field, sizeof(field));
    metric_state_free(nothing);
    if (!equal)
        (void)snprintf(out, size, "%s %s", partner_names_by_id(a->names, id)->code, field);
    return equal;
}

bool metric_scope_equal(const struct metric_scope *a, const struct metric_scope *b, char *out,
                        size_t size)
{
    if (!metric_state_equal(a->total, b->total, out, size))
        return false;
    for (size_t i = 0; i < a->partner_count; i++) {
        if (!partner_equal(a, b, a->partners[i].entry->id, out, size))
            return false;
    }
    for (size_t i = 0; i < b->partner_count; i++) {
        if (!partner_equal(a, b, b->partners[i].entry->id, out, size))
            return false;
    }
    return true;
}
