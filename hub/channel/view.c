#include "hub/channel/view.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

/* Of a batch; larger frames would only make readers wait for the end of them. */
#define BATCH_MAX_BYTES (64u << 10)
/* Deliveries between one load and the next. */
#define FETCH_STEP ((size_t)4)

struct view *view_new(struct fanout *fanout, const char *channel, bool log, uint32_t mask,
                      const char *epoch, int64_t offset, size_t ring_limit)
{
    struct view *view = memory_zalloc(sizeof(*view));
    list_init(&view->link);
    list_init(&view->dirty);
    view->fanout = fanout;
    view->channel = channel;
    view->log = log;
    view->mask = mask;
    view->offset = offset;
    view->reach = view_first_missing(view, offset);
    ring_init(&view->ring, ring_limit);
    (void)snprintf(view->epoch, sizeof(view->epoch), "%s", epoch);
    return view;
}

/* ---- batches ---- */

static void batch_free(struct batch *batch)
{
    frame_unref(batch->frame);
    frame_unref(batch->events);
    buffer_done(&batch->text);
    free(batch);
}

static void drop_first(struct view *view)
{
    struct batch *batch = view->first;
    view->first = batch->next;
    view->served = 0;
    if (!view->first) {
        view->last = NULL;
        list_remove(&view->dirty);
    }
    batch_free(batch);
}

/* Nobody has got any of it yet, and it is not too large. */
static bool can_grow(const struct view *view, size_t length)
{
    const struct batch *batch = view->last;
    if (!batch || (batch == view->first && view->served > 0))
        return false;
    size_t bytes = batch->text.length ? batch->text.length : batch->frame->length;
    return bytes + length < BATCH_MAX_BYTES;
}

static void grow(struct batch *batch, const struct frame *frame)
{
    if (!batch->text.length)
        buffer_append(&batch->text, batch->frame->data, batch->frame->length);
    frame_unref(batch->frame);
    batch->frame = NULL;
    buffer_append(&batch->text, "\n", 1);
    buffer_append(&batch->text, frame->data, frame->length);
    batch->count++;
}

static void enqueue(struct view *view, struct frame *frame)
{
    if (!view->subscriber_count)
        return;
    if (can_grow(view, frame->length)) {
        grow(view->last, frame);
        return;
    }
    struct batch *batch = memory_zalloc(sizeof(*batch));
    batch->from = view->offset;
    batch->count = 1;
    batch->frame = frame_ref(frame);
    if (view->last)
        view->last->next = batch;
    else
        view->first = batch;
    view->last = batch;
    fanout_add(view->fanout, view);
}

void view_free(struct view *view)
{
    if (!view)
        return;
    assert(view->subscriber_count == 0);
    while (view->first)
        drop_first(view);
    list_remove(&view->link);
    ring_done(&view->ring);
    free(view->subscribers);
    frame_unref(view->state);
    free(view);
}

void view_publish(struct view *view, int64_t to, const char *data, size_t length)
{
    struct publication publication = publication_encode(view->channel, data, length, to);
    enqueue(view, publication.frame);
    int64_t dropped = ring_push(&view->ring, publication);
    if (dropped >= 0)
        view->reach = dropped + 1;
    view->offset = to;
    view->unchecked++;
    view->digested = false;
    frame_unref(view->state);
    view->state = NULL;
}

void view_announce(struct view *view, const char *data, size_t length)
{
    struct publication publication = publication_encode(view->channel, data, length, 0);
    enqueue(view, publication.frame);
    frame_unref(publication.frame);
}

/* Readers lie all over the memory, and each takes loads of which the next needs the last. */
static void fetch_ahead(const struct view *view)
{
    size_t left = view->subscriber_count - view->served;
    struct subscriber *const *next = view->subscribers + view->served;
    if (left > 3 * FETCH_STEP)
        __builtin_prefetch(next[3 * FETCH_STEP]);
    if (left > 2 * FETCH_STEP && next[2 * FETCH_STEP]->ops->approach)
        next[2 * FETCH_STEP]->ops->approach(next[2 * FETCH_STEP], 0);
    if (left > FETCH_STEP && next[FETCH_STEP]->ops->approach)
        next[FETCH_STEP]->ops->approach(next[FETCH_STEP], 1);
}

uint32_t view_deliver(struct view *view, uint32_t budget)
{
    uint32_t sent = 0;
    while (view->first && sent < budget) {
        struct batch *batch = view->first;
        if (!batch->frame)
            batch->frame = frame_new(batch->text.data, batch->text.length);
        while (view->served < view->subscriber_count && sent < budget) {
            fetch_ahead(view);
            struct subscriber *subscriber = view->subscribers[view->served++];
            subscriber->ops->publication(subscriber, batch);
            sent++;
        }
        if (view->served >= view->subscriber_count)
            drop_first(view);
    }
    return sent;
}

void view_settle(struct view *view)
{
    while (view->first)
        (void)view_deliver(view, UINT32_MAX);
}

/* ---- subscribers ---- */

void view_add(struct view *view, struct subscriber *subscriber)
{
    assert(view_settled(view));
    if (view->subscriber_count == view->subscriber_capacity) {
        view->subscriber_capacity = view->subscriber_capacity ? view->subscriber_capacity * 2 : 4;
        view->subscribers = memory_realloc(view->subscribers,
                                           view->subscriber_capacity * sizeof(struct subscriber *));
    }
    subscriber->place = view->subscriber_count;
    view->subscribers[view->subscriber_count++] = subscriber;
    subscriber->view = view;
    view->idle_since_ms = 0;
}

static void put(struct view *view, uint32_t place, struct subscriber *subscriber)
{
    view->subscribers[place] = subscriber;
    subscriber->place = place;
}

/* The last one fills the hole. While a batch is on its way those who have it must stay before those
 * who have not, so a hole among the former is filled by the last of them first. */
void view_remove(struct view *view, struct subscriber *subscriber)
{
    uint32_t hole = subscriber->place;
    assert(view->subscribers[hole] == subscriber);
    if (hole < view->served) {
        view->served--;
        put(view, hole, view->subscribers[view->served]);
        hole = view->served;
    }
    view->subscriber_count--;
    put(view, hole, view->subscribers[view->subscriber_count]);
    subscriber->view = NULL;
}

/* ---- coming back ---- */

bool view_epoch_is(const struct view *view, const char *epoch, size_t length)
{
    return strlen(view->epoch) == length && memcmp(view->epoch, epoch, length) == 0;
}

bool view_prepend(struct view *view, struct publication publication)
{
    assert(view->log && publication.offset == view->reach - 1);
    if (!ring_prepend(&view->ring, publication))
        return false;
    view->reach--;
    return true;
}

bool view_recover(const struct view *view, int64_t offset, struct buffer *out)
{
    int64_t missing = view_first_missing(view, offset);
    if (missing < view->reach || offset > view->offset)
        return false;
    size_t first = ring_find(&view->ring, missing);
    if (ring_size(&view->ring, first) > VIEW_RECOVERY_MAX_BYTES)
        return false;
    ring_append(&view->ring, first, false, out);
    return true;
}
