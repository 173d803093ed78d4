#include "hub/channel/backfill.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"

static struct log_limit read_limit = {.interval_ms = 1000};

void backfill_init(struct backfill *backfill, const char *channel, void (*done)(void *owner),
                   void *owner)
{
    *backfill = (struct backfill){.channel = channel, .done = done, .owner = owner};
}

static void drop_rows(struct backfill *backfill)
{
    for (size_t i = 0; i < backfill->count; i++)
        frame_unref(backfill->rows[i].frame);
    free(backfill->rows);
    backfill->rows = NULL;
    backfill->count = 0;
}

void backfill_reset(struct backfill *backfill)
{
    feed_query_drop(backfill->query);
    backfill->query = NULL;
    drop_rows(backfill);
}

/* Only what follows `after` without a hole. */
static void take_rows(struct backfill *backfill, const struct pg_result *result)
{
    int rows = pg_result_rows(result);
    backfill->rows = memory_array((size_t)rows + 1, sizeof(*backfill->rows));
    for (int i = 0; i < rows; i++) {
        size_t length = 0;
        const char *text = pg_result_text(result, i, 1, &length);
        int64_t seq = pg_result_i64(result, i, 0, -1);
        if (!text || seq != backfill->after + i + 1)
            return;
        backfill->rows[backfill->count++] =
            publication_encode(backfill->channel, text, length, seq);
    }
}

static void on_rows(void *owner, const struct pg_result *result)
{
    struct backfill *backfill = owner;
    backfill->query = NULL;
    if (pg_result_failure(result) == PG_OK)
        take_rows(backfill, result);
    else
        log_limited(&read_limit, LOG_LEVEL_WARNING, "%s: log not read: %s", backfill->channel,
                    pg_result_message(result));
    backfill->done(backfill->owner);
}

bool backfill_begin(struct backfill *backfill, struct pg_pool *pool, int64_t after)
{
    if (backfill->query)
        return false;
    drop_rows(backfill);
    backfill->after = after;
    backfill->query =
        feed_db_log_read(pool, backfill->channel, after, BACKFILL_MAX_ROWS, on_rows, backfill);
    return backfill->query != NULL;
}

bool backfill_recover(const struct backfill *backfill, const struct view *view, int64_t offset,
                      struct buffer *out)
{
    int64_t missing = view_first_missing(view, offset);
    if (offset < backfill->after || backfill->after + (int64_t)backfill->count < view->reach - 1)
        return false;
    struct buffer rows = BUFFER_INIT;
    for (size_t i = (size_t)(offset - backfill->after);
         i < backfill->count && backfill->rows[i].offset < view->reach; i++) {
        const struct publication *row = &backfill->rows[i];
        if (rows.length)
            buffer_append(&rows, ",", 1);
        buffer_append(&rows, row->frame->data + row->at, row->length);
    }
    size_t first = ring_find(&view->ring, missing);
    ring_append(&view->ring, first, rows.length > 0, &rows);
    bool fits = rows.length <= VIEW_RECOVERY_MAX_BYTES;
    if (fits)
        buffer_append(out, rows.data, rows.length);
    buffer_done(&rows);
    return fits;
}

void backfill_keep(const struct backfill *backfill, struct view *view)
{
    for (size_t i = backfill->count; i > 0; i--) {
        const struct publication *row = &backfill->rows[i - 1];
        if (row->offset >= view->reach)
            continue;
        frame_ref(row->frame);
        if (row->offset != view->reach - 1 || !view_prepend(view, *row)) {
            frame_unref(row->frame);
            break;
        }
    }
}

void backfill_second(struct backfill *backfill)
{
    if (!backfill->query)
        drop_rows(backfill);
}
