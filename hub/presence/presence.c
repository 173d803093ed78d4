#include "hub/presence/presence_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/base/time.h"

/* What comes together goes together. */
#define GATHER_MS 10
#define ENTRIES_PER_TURN 1000
#define MAX_UNANSWERED 256
#define FAREWELL_MS 500
/* Joins and leaves that watchers of one channel get; past it they are told by asking only. */
#define PUSHES_PER_SECOND 200.0
#define PUSHES_AT_ONCE 1000.0

/* ---- entries ---- */

static struct presence_entry *entry_of(struct list *link)
{
    return LIST_ITEM(link, struct presence_entry, link);
}

static void append_person(const struct presence_entry *entry, struct buffer *out)
{
    struct presence_person person = {.letter = entry->letter};
    (void)presence_field_split(entry->text, entry->field_length, &person);
    person.name = (struct presence_text){entry->text + entry->field_length + 1, entry->name_length};
    presence_append_person(out, &person);
}

static void move_all(struct list *from, struct list *to)
{
    while (!list_empty(from)) {
        struct list *link = from->next;
        list_remove(link);
        list_append(to, link);
    }
}

static void free_all(struct list *entries)
{
    LIST_FOR_EACH(link, next, entries)
    {
        list_remove(link);
        free(entry_of(link));
    }
}

/* ---- writing ---- */

static void on_flush(uv_timer_t *timer);

void presence_flush_soon(struct presence *presence, uint64_t delay_ms)
{
    if (presence->state == PRESENCE_READY && !uv_is_active((uv_handle_t *)&presence->flush_timer))
        uv_timer_start(&presence->flush_timer, on_flush, delay_ms, 0);
}

static void mark_dirty(struct presence_channel *channel)
{
    if (list_empty(&channel->dirty))
        list_append(&channel->presence->dirty, &channel->dirty);
    presence_flush_soon(channel->presence, GATHER_MS);
}

static void remove_of(struct presence_channel *channel, const char *hub)
{
    struct presence *presence = channel->presence;
    char hidden[PRESENCE_KEY_SIZE], shown[PRESENCE_KEY_SIZE];
    presence_key(presence, hidden, "s", channel->name, hub);
    presence_key(presence, shown, "m", channel->name, hub);
    PRESENCE_WRITE(presence, "DEL", hidden);
    PRESENCE_WRITE(presence, "DEL", shown);
}

/* In the sets by which it is found; `command`: SADD or SREM. */
static void list_channel(struct presence_channel *channel, const char *command, const char *hub)
{
    struct presence *presence = channel->presence;
    char key[PRESENCE_KEY_SIZE];
    presence_key(presence, key, "channel", channel->name, NULL);
    PRESENCE_WRITE(presence, command, key, hub);
    presence_key(presence, key, "channels", hub, NULL);
    PRESENCE_WRITE(presence, command, key, channel->name);
}

static void register_channel(struct presence_channel *channel)
{
    struct presence *presence = channel->presence;
    if (channel->reset) {
        remove_of(channel, presence->id);
        if (*presence->old_id) {
            remove_of(channel, presence->old_id);
            list_channel(channel, "SREM", presence->old_id);
        }
    }
    list_channel(channel, "SADD", presence->id);
    channel->registered = true;
    channel->reset = false;
}

/* The chunk's entries of one hash: HSET with their names, or HDEL. */
static void write_hash(struct presence_channel *channel, struct list *chunk, char letter, bool gone)
{
    struct presence_words words = {.count = 0};
    const char kind[] = {letter, '\0'};
    char key[PRESENCE_KEY_SIZE];
    presence_key(channel->presence, key, kind, channel->name, channel->presence->id);
    presence_add(&words, gone ? "HDEL" : "HSET", 4);
    presence_add(&words, key, strlen(key));
    LIST_FOR_EACH(link, next, chunk)
    {
        const struct presence_entry *entry = entry_of(link);
        if (entry->letter != letter)
            continue;
        presence_add(&words, entry->text, entry->field_length);
        if (!gone)
            presence_add(&words, entry->text + entry->field_length + 1, entry->name_length);
    }
    if (words.count > 2)
        presence_write(channel->presence, &words);
}

static size_t cut_chunk(struct list *from, struct list *chunk)
{
    size_t count = 0;
    list_init(chunk);
    for (; count < PRESENCE_CHUNK && !list_empty(from); count++) {
        struct list *link = from->next;
        list_remove(link);
        list_append(chunk, link);
    }
    return count;
}

static void publish_chunk(struct presence_channel *channel, const struct list *joined,
                          const struct list *left)
{
    struct buffer *message = &channel->presence->message;
    bool news = !list_empty(left);
    buffer_clear(message);
    buffer_append_text(message, "{\"join\":[");
    LIST_FOR_EACH(link, next, joined)
    {
        if (entry_of(link)->announced)
            continue;
        append_person(entry_of(link), message);
        news = true;
    }
    buffer_append_text(message, "],\"leave\":[");
    LIST_FOR_EACH(link, next, left)
    append_person(entry_of(link), message);
    buffer_append_text(message, "]}");
    if (news)
        presence_publish(channel->presence, channel->name, message);
}

/* At most a chunk of each; how many entries that was. */
static size_t flush_chunk(struct presence_channel *channel)
{
    struct list joined, left;
    if (!channel->registered)
        register_channel(channel);
    size_t count = cut_chunk(&channel->fresh, &joined) + cut_chunk(&channel->leaving, &left);
    for (const char *letter = (const char[]){PRESENCE_HIDDEN, PRESENCE_SHOWN, '\0'}; *letter;
         letter++) {
        write_hash(channel, &joined, *letter, false);
        write_hash(channel, &left, *letter, true);
    }
    publish_chunk(channel, &joined, &left);
    LIST_FOR_EACH(link, next, &joined)
    entry_of(link)->announced = true;
    move_all(&joined, &channel->present);
    free_all(&left);
    channel->presence->stats->presence_written += count;
    return count;
}

static bool is_clean(const struct presence_channel *channel)
{
    return list_empty(&channel->fresh) && list_empty(&channel->leaving) && !channel->reset;
}

static void channel_free(struct presence_channel *channel)
{
    list_remove(&channel->dirty);
    presence_read_drop(channel->read);
    HASH_DELETE(hh, channel->presence->by_name, channel);
    free(channel);
}

static void end_clean(struct presence_channel *channel)
{
    list_remove(&channel->dirty);
    if (!list_empty(&channel->present))
        return;
    if (channel->registered)
        list_channel(channel, "SREM", channel->presence->id);
    channel_free(channel);
}

static void on_flush(uv_timer_t *timer)
{
    struct presence *presence = timer->data;
    if (presence->state != PRESENCE_READY)
        return;
    if (presence_life_stale(presence)) {
        presence->state = PRESENCE_CHECKING;
        presence_life_check(presence);
        return;
    }
    for (size_t budget = 0; budget < ENTRIES_PER_TURN && !list_empty(&presence->dirty);) {
        if (presence->unanswered > MAX_UNANSWERED)
            return; /* an answer goes on */
        struct presence_channel *channel =
            LIST_ITEM(presence->dirty.next, struct presence_channel, dirty);
        if (is_clean(channel))
            end_clean(channel);
        else
            budget += flush_chunk(channel) + 1;
    }
    if (!list_empty(&presence->dirty))
        presence_flush_soon(presence, 1);
}

void presence_flush_channel_now(struct presence_channel *channel)
{
    while (!is_clean(channel))
        (void)flush_chunk(channel);
}

/* Without `announced` others have been told that all had left. */
void presence_rewrite(struct presence *presence, bool announced)
{
    struct presence_channel *channel, *next_channel;
    HASH_ITER(hh, presence->by_name, channel, next_channel)
    {
        move_all(&channel->present, &channel->fresh);
        LIST_FOR_EACH(link, next, &channel->fresh)
        entry_of(link)->announced &= announced;
        if (!announced)
            free_all(&channel->leaving);
        channel->registered = false;
        channel->reset = true;
        mark_dirty(channel);
    }
}

/* ---- joins and leaves that come ---- */

static size_t push_room(struct presence_channel *channel)
{
    int64_t now_ms = time_monotonic_us() / 1000;
    channel->push_tokens += (double)(now_ms - channel->push_filled_ms) * PUSHES_PER_SECOND / 1000;
    channel->push_filled_ms = now_ms;
    if (channel->push_tokens > PUSHES_AT_ONCE)
        channel->push_tokens = PUSHES_AT_ONCE;
    return channel->push_tokens > 0 ? (size_t)channel->push_tokens : 0;
}

static struct frame *frame_of(const struct buffer *pushes)
{
    return pushes->length ? frame_new(pushes->data, pushes->length) : NULL;
}

static void push(struct presence_channel *channel, const struct presence_pushes *pushes)
{
    struct frame *all = frame_of(&pushes->all), *shown = frame_of(&pushes->shown);
    LIST_FOR_EACH(link, next, &channel->watchers)
    {
        const struct presence_entry *entry = LIST_ITEM(link, struct presence_entry, watch);
        struct frame *frame = entry->sees_all ? all : shown;
        if (frame)
            entry->ops->push(entry->owner, frame);
    }
    frame_unref(all);
    frame_unref(shown);
}

void presence_on_message(struct presence *presence, const char *channel_name, const char *bytes,
                         size_t length)
{
    struct presence_channel *channel;
    struct presence_pushes pushes;
    HASH_FIND_STR(presence->by_name, channel_name, channel);
    if (!channel || list_empty(&channel->watchers))
        return;
    size_t room = push_room(channel);
    if (presence_message_decode(channel_name, bytes, length, room, &pushes)) {
        presence->stats->feed_malformed++;
        return;
    }
    size_t sent = pushes.count < room ? pushes.count : room;
    channel->push_tokens -= (double)sent;
    presence->stats->presence_pushes += sent;
    presence->stats->presence_pushes_dropped += pushes.count - sent;
    push(channel, &pushes);
    presence_pushes_done(&pushes);
}

/* ---- interface ---- */

static struct presence_channel *channel_of(struct presence *presence, const char *name)
{
    struct presence_channel *channel;
    HASH_FIND_STR(presence->by_name, name, channel);
    if (channel)
        return channel;
    channel = memory_zalloc(sizeof(*channel));
    (void)snprintf(channel->name, sizeof(channel->name), "%s", name);
    channel->presence = presence;
    list_init(&channel->dirty);
    list_init(&channel->fresh);
    list_init(&channel->present);
    list_init(&channel->leaving);
    list_init(&channel->watchers);
    list_init(&channel->questions);
    channel->push_tokens = PUSHES_AT_ONCE;
    channel->push_filled_ms = time_monotonic_us() / 1000;
    HASH_ADD_STR(presence->by_name, name, channel);
    return channel;
}

struct presence_entry *presence_join(struct presence *presence, const char *channel,
                                     const struct presence_who *who, const struct presence_ops *ops,
                                     void *owner)
{
    size_t user = strlen(who->user), client = strlen(who->client), name = strlen(who->name);
    struct presence_entry *entry = memory_zalloc(sizeof(*entry) + user + client + name + 3);
    entry->channel = channel_of(presence, channel);
    entry->ops = ops;
    entry->owner = owner;
    entry->sees_all = who->sees_all;
    entry->letter = who->hidden ? PRESENCE_HIDDEN : PRESENCE_SHOWN;
    entry->field_length = (uint16_t)(user + client + 1);
    entry->name_length = (uint16_t)name;
    memcpy(entry->text, who->user, user);
    entry->text[user] = '/';
    memcpy(entry->text + user + 1, who->client, client + 1);
    memcpy(entry->text + entry->field_length + 1, who->name, name + 1);
    list_init(&entry->watch);
    list_init(&entry->questions);
    list_append(&entry->channel->fresh, &entry->link);
    if (who->watches)
        list_append(&entry->channel->watchers, &entry->watch);
    presence->stats->presence_entries++;
    mark_dirty(entry->channel);
    return entry;
}

void presence_leave(struct presence_entry *entry)
{
    if (!entry)
        return;
    struct presence_channel *channel = entry->channel;
    LIST_FOR_EACH(link, next, &entry->questions)
    {
        struct presence_question *question = LIST_ITEM(link, struct presence_question, of_entry);
        list_remove(&question->of_channel);
        free(question);
    }
    list_remove(&entry->watch);
    list_remove(&entry->link);
    channel->presence->stats->presence_entries--;
    if (entry->announced && channel->presence->state != PRESENCE_CLOSED)
        list_append(&channel->leaving, &entry->link);
    else
        free(entry);
    mark_dirty(channel);
}

bool presence_sees_all(const struct presence_entry *entry)
{
    return entry->sees_all;
}

void presence_ask(struct presence_entry *entry, uint32_t id, bool stats)
{
    struct presence_channel *channel = entry->channel;
    if (!presence_available(channel->presence) || entry->question_count >= PRESENCE_MAX_QUESTIONS) {
        entry->ops->answer(entry->owner, id, stats, NULL);
        return;
    }
    struct presence_question *question = memory_zalloc(sizeof(*question));
    question->entry = entry;
    question->id = id;
    question->stats = stats;
    entry->question_count++;
    list_append(&entry->questions, &question->of_entry);
    list_append(&channel->questions, &question->of_channel);
    if (!channel->read)
        presence_read_begin(channel);
}

/* ---- life ---- */

static void on_link_state(void *owner, bool up)
{
    presence_life_on_link(owner, up);
}

int presence_open(uv_loop_t *loop, const struct hub_settings *settings, struct hub_stats *stats,
                  struct presence **ret_presence)
{
    struct presence *presence = memory_zalloc(sizeof(*presence));
    *ret_presence = presence;
    presence->loop = loop;
    presence->settings = settings;
    presence->stats = stats;
    list_init(&presence->dirty);
    presence->sweep = presence_sweep_new(presence);
    int error = uv_timer_init(loop, &presence->flush_timer);
    if (!error)
        error = uv_timer_init(loop, &presence->life_timer);
    if (!error)
        error = uv_timer_init(loop, &presence->patience_timer);
    if (error)
        return error;
    presence->flush_timer.data = presence->life_timer.data = presence->patience_timer.data =
        presence;
    struct redis_link_options options = {.url = settings->redis,
                                         .name = "metrics-hub-presence",
                                         .prefix = settings->redis_prefix,
                                         .on_state = on_link_state,
                                         .owner = presence};
    return redis_link_open(loop, &options, &presence->link);
}

static void on_farewell(void *owner, const struct redis_value *reply)
{
    struct presence *presence = owner;
    (void)reply;
    if (!presence->link)
        return;
    struct redis_link *link = presence->link;
    presence->link = NULL;
    uv_close((uv_handle_t *)&presence->life_timer, NULL);
    redis_link_close(link, NULL, NULL);
}

static void on_farewell_timeout(uv_timer_t *timer)
{
    on_farewell(timer->data, NULL);
}

/* Everybody has left: so do we, and nobody needs to clear up after us. Else our key expires. */
static bool say_farewell(struct presence *presence)
{
    struct presence_channel *channel, *next_channel;
    char key[PRESENCE_KEY_SIZE];
    if (!presence_available(presence))
        return false;
    HASH_ITER(hh, presence->by_name, channel, next_channel)
    {
        presence_flush_channel_now(channel);
        end_clean(channel);
    }
    if (presence->by_name)
        return false;
    presence_key(presence, key, "alive", presence->id, NULL);
    PRESENCE_WRITE(presence, "DEL", key);
    presence_key(presence, key, "hubs", NULL, NULL);
    return PRESENCE_SEND(presence, on_farewell, presence, "SREM", key, presence->id) == 0;
}

void presence_close(struct presence *presence)
{
    bool waiting = say_farewell(presence);
    presence->state = PRESENCE_CLOSED;
    uv_close((uv_handle_t *)&presence->flush_timer, NULL);
    uv_close((uv_handle_t *)&presence->patience_timer, NULL);
    if (waiting) {
        uv_timer_start(&presence->life_timer, on_farewell_timeout, FAREWELL_MS, 0);
        return;
    }
    if (presence->link)
        redis_link_close(presence->link, NULL, NULL);
    presence->link = NULL;
    uv_close((uv_handle_t *)&presence->life_timer, NULL);
}

void presence_free(struct presence *presence)
{
    struct presence_channel *channel, *next_channel;
    if (!presence)
        return;
    HASH_ITER(hh, presence->by_name, channel, next_channel)
    {
        free_all(&channel->fresh);
        free_all(&channel->present);
        free_all(&channel->leaving);
        channel_free(channel);
    }
    presence_sweep_free(presence->sweep);
    buffer_done(&presence->message);
    free(presence);
}
