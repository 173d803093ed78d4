#include "hub/channel/time_ring.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/observe/ddsketch.h"

void time_ring_init(struct time_ring *ring, int64_t span, int64_t now)
{
    ring->span = span;
    ring->now = now;
    ring->slot_count = (size_t)span + TIME_RING_AHEAD;
    ring->slots = memory_array(ring->slot_count, sizeof(struct time_bucket *));
}

static void bucket_free(struct time_bucket *bucket)
{
    if (!bucket)
        return;
    for (int kind = 0; kind < SAMPLE_KIND_COUNT; kind++)
        free(bucket->bins[kind].items);
    free(bucket);
}

void time_ring_done(struct time_ring *ring)
{
    for (size_t i = 0; i < ring->slot_count; i++)
        bucket_free(ring->slots[i]);
    free(ring->slots);
    *ring = (struct time_ring){.span = 0};
}

static size_t slot_of(const struct time_ring *ring, int64_t key)
{
    return (size_t)key % ring->slot_count;
}

void time_ring_advance(struct time_ring *ring, int64_t now)
{
    if (now <= ring->now)
        return;
    int64_t steps = now - ring->now;
    if (steps > (int64_t)ring->slot_count)
        steps = (int64_t)ring->slot_count;
    for (int64_t key = now - ring->span - steps + 1; key <= now - ring->span; key++) {
        if (key < 0)
            continue;
        struct time_bucket **slot = &ring->slots[slot_of(ring, key)];
        if (*slot && (*slot)->key <= now - ring->span) {
            bucket_free(*slot);
            *slot = NULL;
        }
    }
    ring->now = now;
}

bool time_ring_covers(const struct time_ring *ring, int64_t key)
{
    return key >= 0 && key > ring->now - ring->span && key <= ring->now + TIME_RING_AHEAD;
}

struct time_bucket *time_ring_find(const struct time_ring *ring, int64_t key)
{
    if (!time_ring_covers(ring, key))
        return NULL;
    struct time_bucket *bucket = ring->slots[slot_of(ring, key)];
    return bucket && bucket->key == key ? bucket : NULL;
}

struct time_bucket *time_ring_get(struct time_ring *ring, int64_t key)
{
    if (!time_ring_covers(ring, key))
        return NULL;
    struct time_bucket **slot = &ring->slots[slot_of(ring, key)];
    if (!*slot) {
        *slot = memory_zalloc(sizeof(**slot));
        (*slot)->key = key;
    }
    return *slot;
}

static uint32_t bin_position(const struct bin_list *list, int bin)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->items[middle].bin < bin)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void bin_insert(struct bin_list *list, uint32_t at, int bin)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 4;
        list->items = memory_realloc(list->items, list->capacity * sizeof(*list->items));
    }
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof(*list->items));
    list->items[at] = (struct bin_count){.bin = bin};
    list->count++;
}

void bin_list_add(struct bin_list *list, int bin, int64_t n)
{
    if (!n)
        return;
    uint32_t at = bin_position(list, bin);
    if (at == list->count || list->items[at].bin != bin)
        bin_insert(list, at, bin);
    list->items[at].n += n;
    if (list->items[at].n)
        return;
    list->count--;
    memmove(list->items + at, list->items + at + 1, (list->count - at) * sizeof(*list->items));
}

static int64_t bin_list_quantile(const struct bin_list *list, double p)
{
    int64_t total = 0, seen = 0;
    for (uint32_t i = 0; i < list->count; i++)
        total += list->items[i].n;
    if (total <= 0)
        return -1;
    int64_t rank = (int64_t)(p * (double)(total - 1));
    for (uint32_t i = 0; i < list->count; i++) {
        seen += list->items[i].n;
        if (seen > rank)
            return llround(ddsketch_value(list->items[i].bin));
    }
    return -1;
}

int64_t time_bucket_p95(struct time_bucket *bucket)
{
    if (!bucket->p95_known) {
        bucket->p95_ms = bin_list_quantile(&bucket->bins[SAMPLE_DURATION], 0.95);
        bucket->p95_known = true;
    }
    return bucket->p95_ms;
}
