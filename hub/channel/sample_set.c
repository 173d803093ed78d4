#include "hub/channel/sample_set.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

void sample_set_init(struct sample_set *set)
{
    *set = (struct sample_set){.left_out = INT64_MIN};
}

void sample_set_done(struct sample_set *set)
{
    free(set->items);
    sample_set_init(set);
}

/* Where the first sample of `minute` or later is. */
static size_t position(const struct sample_set *set, int64_t minute)
{
    size_t low = 0, high = set->count;
    if (high && set->items[high - 1].minute < minute)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->items[middle].minute < minute)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void sample_set_leave_out(struct sample_set *set, int64_t minute)
{
    if (minute > set->left_out)
        set->left_out = minute;
}

static void remove_at(struct sample_set *set, size_t at)
{
    set->count--;
    memmove(set->items + at, set->items + at + 1, (set->count - at) * sizeof(*set->items));
}

static void insert(struct sample_set *set, int64_t minute, int64_t ms)
{
    if (set->count == SAMPLE_SET_CAPACITY) {
        if (minute <= set->items[0].minute) {
            sample_set_leave_out(set, minute);
            return;
        }
        sample_set_leave_out(set, set->items[0].minute);
        remove_at(set, 0);
    }
    if (set->count == set->capacity) {
        set->capacity = set->capacity ? set->capacity * 2 : 16;
        set->items = memory_realloc(set->items, set->capacity * sizeof(*set->items));
    }
    size_t at = position(set, minute + 1);
    memmove(set->items + at + 1, set->items + at, (set->count - at) * sizeof(*set->items));
    set->items[at] = (struct sample){.minute = minute, .ms = ms};
    set->count++;
}

static void erase(struct sample_set *set, int64_t minute, int64_t ms)
{
    for (size_t i = position(set, minute); i < set->count && set->items[i].minute == minute; i++) {
        if (set->items[i].ms == ms) {
            remove_at(set, i);
            return;
        }
    }
}

void sample_set_add(struct sample_set *set, int64_t minute, int64_t ms, int64_t n)
{
    for (int64_t i = 0; i < n && i <= SAMPLE_SET_CAPACITY; i++)
        insert(set, minute, ms);
    for (int64_t i = 0; i > n && i >= -SAMPLE_SET_CAPACITY; i--)
        erase(set, minute, ms);
}

bool sample_set_since(const struct sample_set *set, int64_t from_minute, int64_t *out,
                      size_t *ret_count)
{
    if (set->left_out >= from_minute)
        return false;
    size_t at = position(set, from_minute);
    for (size_t i = at; i < set->count; i++)
        out[i - at] = set->items[i].ms;
    *ret_count = set->count - at;
    return true;
}
