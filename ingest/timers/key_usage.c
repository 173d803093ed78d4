#include "ingest/timers/key_usage.h"

#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/postgres/pg_array.h"

#define INTERVAL_MS 5000
#define MAX_KEYS 1000u /* of a statement; the rest is in the next */
#define COLUMNS 3

enum column { KEY, REQUESTS, EVENTS };

static const enum pg_element elements[COLUMNS] = {PG_INT4, PG_INT8, PG_INT8};

struct key_usage {
    struct pg_link *link;
    struct publisher *publisher;
    uv_timer_t timer;
    bool failed;         /* the last try; the next one is the timer's */
    struct list used;    /* keys with something to write; each is held */
    struct list writing; /* keys of the statement that runs */
    struct pg_array arrays[COLUMNS];
    struct pg_param params[COLUMNS];
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void publish_rows(struct key_usage *usage, const struct pg_result *result)
{
    for (int row = 0; row < pg_result_rows(result); row++) {
        struct feed_message message = {
            .channel = pg_result_text(result, row, 0, NULL),
            .epoch = pg_result_text(result, row, 1, NULL),
            .seq = pg_result_i64(result, row, 2, 0),
        };
        message.payload = pg_result_text(result, row, 3, &message.payload_length);
        if (message.channel && message.epoch && message.payload)
            publisher_send(usage->publisher, &message);
    }
}

/* A key that was used in the meantime stays. */
static void key_written(struct key_usage *usage, struct key *key, bool written)
{
    struct key_use *use = &key->use;
    if (!written) {
        use->requests += use->writing_requests;
        use->events += use->writing_events;
    }
    use->writing_requests = use->writing_events = 0;
    list_remove(&use->link);
    if (use->requests || use->events)
        list_append(&usage->used, &use->link);
    else
        key_unref(key);
}

static void finish_writing(struct key_usage *usage, bool written)
{
    while (!list_empty(&usage->writing))
        key_written(usage, LIST_ITEM(usage->writing.next, struct key, use.link), written);
}

static void on_result(void *owner, const struct pg_result *result)
{
    static struct log_limit limit = {.interval_ms = 10000};
    struct key_usage *usage = owner;
    bool written = pg_result_failure(result) == PG_OK;
    if (written)
        publish_rows(usage, result);
    else
        log_limited(&limit, LOG_LEVEL_WARNING, "keys_used failed: %s %s",
                    pg_result_sqlstate(result), pg_result_message(result));
    usage->failed = !written;
    finish_writing(usage, written);
}

static void take(struct key_usage *usage, struct key *key)
{
    struct key_use *use = &key->use;
    list_remove(&use->link);
    list_append(&usage->writing, &use->link);
    use->writing_requests = use->requests;
    use->writing_events = use->events;
    use->requests = use->events = 0;
    pg_array_add_int(&usage->arrays[KEY], key->key_id);
    pg_array_add_int(&usage->arrays[REQUESTS], use->writing_requests);
    pg_array_add_int(&usage->arrays[EVENTS], use->writing_events);
}

bool key_usage_flush(struct key_usage *usage)
{
    if (!list_empty(&usage->writing))
        return true;
    if (usage->failed || list_empty(&usage->used) || pg_link_state(usage->link) != PG_LINK_UP)
        return false;
    for (int i = 0; i < COLUMNS; i++)
        pg_array_clear(&usage->arrays[i]);
    while (!list_empty(&usage->used) && usage->arrays[KEY].count < MAX_KEYS)
        take(usage, LIST_ITEM(usage->used.next, struct key, use.link));
    for (int i = 0; i < COLUMNS; i++)
        usage->params[i] = pg_array_param(&usage->arrays[i]);
    struct pg_query query = {
        .name = "keys_used",
        .statement = "SELECT channel, epoch, seq, payload FROM api.keys_used($1, $2, $3)",
        .params = usage->params,
        .param_count = COLUMNS,
        .on_result = on_result,
        .owner = usage,
    };
    if (pg_link_query(usage->link, &query) == 0)
        return true;
    finish_writing(usage, false);
    return false;
}

void key_usage_add(struct key_usage *usage, struct key *key, unsigned requests, unsigned events)
{
    struct key_use *use = &key->use;
    if (!usage)
        return;
    use->requests += requests;
    use->events += events;
    if (!list_empty(&use->link))
        return;
    key->references++;
    list_append(&usage->used, &use->link);
}

static void on_timer(uv_timer_t *timer)
{
    struct key_usage *usage = timer->data;
    usage->failed = false;
    (void)key_usage_flush(usage);
}

int key_usage_open(uv_loop_t *loop, struct pg_link *link, struct publisher *publisher,
                   struct key_usage **ret_usage)
{
    struct key_usage *usage = memory_zalloc(sizeof(*usage));
    usage->link = link;
    usage->publisher = publisher;
    int error = uv_timer_init(loop, &usage->timer);
    if (error) {
        free(usage);
        return error;
    }
    list_init(&usage->used);
    list_init(&usage->writing);
    for (int i = 0; i < COLUMNS; i++)
        pg_array_init(&usage->arrays[i], elements[i]);
    usage->timer.data = usage;
    uv_timer_start(&usage->timer, on_timer, INTERVAL_MS, INTERVAL_MS);
    *ret_usage = usage;
    return 0;
}

static void release_all(struct list *keys)
{
    while (!list_empty(keys)) {
        struct key *key = LIST_ITEM(keys->next, struct key, use.link);
        list_remove(&key->use.link);
        key_unref(key);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct key_usage *usage = handle->data;
    release_all(&usage->used);
    release_all(&usage->writing);
    for (int i = 0; i < COLUMNS; i++)
        pg_array_done(&usage->arrays[i]);
    if (usage->on_closed)
        usage->on_closed(usage->closed_owner);
    free(usage);
}

void key_usage_close(struct key_usage *usage, void (*on_closed)(void *owner), void *owner)
{
    usage->on_closed = on_closed;
    usage->closed_owner = owner;
    uv_close((uv_handle_t *)&usage->timer, on_timer_closed);
}
