#include "hub/channel/open_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

void open_jobs_init(struct open_jobs *jobs)
{
    *jobs = (struct open_jobs){.stuck_before = INT64_MIN};
}

void open_jobs_done(struct open_jobs *jobs)
{
    free(jobs->items);
    open_jobs_init(jobs);
}

static size_t position(const struct open_jobs *jobs, int64_t second)
{
    size_t low = 0, high = jobs->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (jobs->items[middle].second < second)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void compact(struct open_jobs *jobs)
{
    size_t kept = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->items[i].n)
            jobs->items[kept++] = jobs->items[i];
    }
    jobs->count = kept;
    jobs->empty = 0;
}

static void insert(struct open_jobs *jobs, size_t at, int64_t second)
{
    if (jobs->count == jobs->capacity) {
        jobs->capacity = jobs->capacity ? jobs->capacity * 2 : 16;
        jobs->items = memory_realloc(jobs->items, jobs->capacity * sizeof(*jobs->items));
    }
    memmove(jobs->items + at + 1, jobs->items + at, (jobs->count - at) * sizeof(*jobs->items));
    jobs->items[at] = (struct open_second){.second = second};
    jobs->count++;
    jobs->empty++;
}

void open_jobs_add(struct open_jobs *jobs, int64_t second, int64_t n)
{
    if (!n)
        return;
    size_t at = position(jobs, second);
    if (at == jobs->count || jobs->items[at].second != second)
        insert(jobs, at, second);
    struct open_second *item = &jobs->items[at];
    if (!item->n)
        jobs->empty--;
    item->n += n;
    if (!item->n)
        jobs->empty++;
    if (second < jobs->stuck_before)
        jobs->stuck += n;
    if (jobs->empty > 16 && jobs->empty > jobs->count / 2)
        compact(jobs);
}

void open_jobs_advance(struct open_jobs *jobs, int64_t stuck_before)
{
    if (stuck_before <= jobs->stuck_before)
        return;
    size_t at = position(jobs, jobs->stuck_before);
    for (; at < jobs->count && jobs->items[at].second < stuck_before; at++)
        jobs->stuck += jobs->items[at].n;
    jobs->stuck_before = stuck_before;
}

int64_t open_jobs_oldest(struct open_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->items[i].n)
            return jobs->items[i].second;
    }
    return -1;
}
