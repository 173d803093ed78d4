/* Answers to `presence` and `presence_stats`. One read of a channel is under way at a time, and
 * answers all who had asked before it began; who asks meanwhile waits for the next, so that many
 * askers cost Redis no more than one. First the hubs that have clients there, then of each, in one
 * pipeline: is it alive, and who is in its two hashes. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "hub/presence/presence_internal.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define MAX_HUBS 256
#define LISTED "1000"
/* Together below the SDKs' own 5 s, also where Redis hangs. */
#define PATIENCE_MS 3000
#define PATIENCE_LOOK_MS 1000

/* What one kind of reader sees. */
struct sight {
    struct buffer list;
    size_t listed, clients;
    uint64_t *users; /* hashes of their ids */
    size_t user_count, user_capacity;
};

struct presence_read {
    struct presence_channel *channel; /* NULL: gone meanwhile */
    struct list questions;
    bool wants_list, wants_stats;
    bool failed;
    int64_t begun_ms; /* monotonic */
    bool hub_alive;   /* of the hub whose hashes come next */
    unsigned awaited; /* answers */
    struct sight all, shown;
};

/* ---- what comes ---- */

static void take_user(struct sight *sight, struct presence_text user)
{
    if (sight->user_count == sight->user_capacity) {
        sight->user_capacity = sight->user_capacity ? sight->user_capacity * 2 : 64;
        sight->users = memory_realloc(sight->users, sight->user_capacity * sizeof(*sight->users));
    }
    sight->users[sight->user_count++] = XXH64(user.bytes, user.length, 0);
    sight->clients++;
}

static void take_listed(struct sight *sight, const struct presence_person *person)
{
    struct buffer *out = &sight->list;
    if (sight->listed == PRESENCE_MAX_LISTED)
        return;
    if (sight->listed++)
        buffer_append(out, ",", 1);
    buffer_append_json_string(out, person->client.bytes, person->client.length);
    buffer_append(out, ":", 1);
    presence_append_info(out, person);
}

static bool good(struct presence_read *read, const struct redis_value *reply)
{
    if (!reply || redis_value_error(reply))
        read->failed = true;
    return !read->failed;
}

static void take_names(struct presence_read *read, const struct redis_value *reply, bool shown)
{
    for (size_t i = 0; i + 1 < redis_value_count(reply); i += 2) {
        struct presence_person person = {.letter = PRESENCE_SHOWN};
        size_t length, name_length;
        const char *field = redis_value_text(redis_value_at(reply, i), &length);
        const char *name = redis_value_text(redis_value_at(reply, i + 1), &name_length);
        if (!field || !name || !presence_field_split(field, length, &person) ||
            !presence_text_valid(name, name_length))
            continue;
        person.name = (struct presence_text){name, name_length};
        take_listed(&read->all, &person);
        if (shown)
            take_listed(&read->shown, &person);
    }
}

static void take_keys(struct presence_read *read, const struct redis_value *reply, bool shown)
{
    for (size_t i = 0; i < redis_value_count(reply); i++) {
        struct presence_person person;
        size_t length;
        const char *field = redis_value_text(redis_value_at(reply, i), &length);
        if (!field || !presence_field_split(field, length, &person))
            continue;
        take_user(&read->all, person.user);
        if (shown)
            take_user(&read->shown, person.user);
    }
}

/* ---- the answers ---- */

static int compare_hashes(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

static size_t distinct_users(const struct sight *sight)
{
    size_t count = 0;
    if (sight->user_count)
        qsort(sight->users, sight->user_count, sizeof(*sight->users), compare_hashes);
    for (size_t i = 0; i < sight->user_count; i++)
        count += i == 0 || sight->users[i] != sight->users[i - 1];
    return count;
}

static void answer_one(const struct presence_question *question, const struct sight *sight)
{
    struct buffer members = BUFFER_INIT;
    if (question->stats) {
        buffer_printf(&members, "\"num_clients\":%zu,\"num_users\":%zu", sight->clients,
                      distinct_users(sight));
    } else {
        buffer_append_text(&members, "\"presence\":{");
        buffer_append(&members, sight->list.data, sight->list.length);
        buffer_append(&members, "}", 1);
    }
    const struct presence_entry *entry = question->entry;
    entry->ops->answer(entry->owner, question->id, question->stats, &members);
    buffer_done(&members);
}

static void sight_done(struct sight *sight)
{
    buffer_done(&sight->list);
    free(sight->users);
}

static void answer_next(struct list *questions, const struct presence_read *read, bool available)
{
    struct presence_question *question =
        LIST_ITEM(questions->next, struct presence_question, of_channel);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a freed question is in no list */
    struct presence_entry *entry = question->entry;
    list_remove(&question->of_channel);
    list_remove(&question->of_entry);
    entry->question_count--;
    if (available)
        answer_one(question, entry->sees_all ? &read->all : &read->shown);
    else
        entry->ops->answer(entry->owner, question->id, question->stats, NULL);
    free(question);
}

/* Answers, and ends the read; the channel, unless that has gone. An answer may end the asking
 * subscription, and with it its other questions: always the first. */
static struct presence_channel *finish(struct presence_read *read)
{
    struct presence_channel *channel = read->channel;
    bool available = channel && !read->failed && presence_available(channel->presence);
    while (!list_empty(&read->questions))
        answer_next(&read->questions, read, available);
    channel = read->channel;
    sight_done(&read->all);
    sight_done(&read->shown);
    free(read);
    if (channel)
        channel->read = NULL;
    return channel;
}

static void answered(struct presence_read *read)
{
    if (--read->awaited > 0)
        return;
    struct presence_channel *channel = finish(read);
    if (channel && !list_empty(&channel->questions))
        presence_read_begin(channel);
}

static void on_hub_alive(void *owner, const struct redis_value *reply)
{
    struct presence_read *read = owner;
    if (good(read, reply))
        read->hub_alive = redis_value_integer(reply, 0) == 1;
    answered(read);
}

static void on_hidden_names(void *owner, const struct redis_value *reply)
{
    struct presence_read *read = owner;
    if (good(read, reply) && read->hub_alive)
        take_names(read, reply, false);
    answered(read);
}

static void on_shown_names(void *owner, const struct redis_value *reply)
{
    struct presence_read *read = owner;
    if (good(read, reply) && read->hub_alive)
        take_names(read, reply, true);
    answered(read);
}

static void on_hidden_keys(void *owner, const struct redis_value *reply)
{
    struct presence_read *read = owner;
    if (good(read, reply) && read->hub_alive)
        take_keys(read, reply, false);
    answered(read);
}

static void on_shown_keys(void *owner, const struct redis_value *reply)
{
    struct presence_read *read = owner;
    if (good(read, reply) && read->hub_alive)
        take_keys(read, reply, true);
    answered(read);
}

/* ---- the questions ---- */

static void ask(struct presence_read *read, redis_reply_fn *on_reply, const char *const words[])
{
    if (presence_send(read->channel->presence, on_reply, read, words))
        read->failed = true;
    else
        read->awaited++;
}
#define ASK(read, on_reply, ...) ask(read, on_reply, (const char *const[]){__VA_ARGS__, NULL})

static void ask_hub(struct presence_read *read, const char *hub)
{
    const struct presence_channel *channel = read->channel;
    const struct presence *presence = channel->presence;
    char alive[PRESENCE_KEY_SIZE], hidden[PRESENCE_KEY_SIZE], shown[PRESENCE_KEY_SIZE];
    presence_key(presence, alive, "alive", hub, NULL);
    presence_key(presence, hidden, "s", channel->name, hub);
    presence_key(presence, shown, "m", channel->name, hub);
    ASK(read, on_hub_alive, "EXISTS", alive);
    if (read->wants_list) {
        ASK(read, on_shown_names, "HRANDFIELD", shown, LISTED, "WITHVALUES");
        ASK(read, on_hidden_names, "HRANDFIELD", hidden, LISTED, "WITHVALUES");
    }
    if (read->wants_stats) {
        ASK(read, on_shown_keys, "HKEYS", shown);
        ASK(read, on_hidden_keys, "HKEYS", hidden);
    }
}

static void on_hubs(void *owner, const struct redis_value *reply)
{
    struct presence_read *read = owner;
    if (good(read, reply) && read->channel) {
        for (size_t i = 0; i < redis_value_count(reply) && i < MAX_HUBS; i++) {
            const char *hub = redis_value_text(redis_value_at(reply, i), NULL);
            if (hub)
                ask_hub(read, hub);
        }
    }
    answered(read);
}

void presence_read_begin(struct presence_channel *channel)
{
    char key[PRESENCE_KEY_SIZE];
    struct presence_read *read = memory_zalloc(sizeof(*read));
    read->channel = channel;
    channel->read = read;
    read->begun_ms = time_monotonic_us() / 1000;
    if (!uv_is_active((uv_handle_t *)&channel->presence->patience_timer))
        uv_timer_start(&channel->presence->patience_timer, presence_read_on_patience,
                       PATIENCE_LOOK_MS, PATIENCE_LOOK_MS);
    list_init(&read->questions);
    LIST_FOR_EACH(link, next, &channel->questions)
    {
        struct presence_question *question = LIST_ITEM(link, struct presence_question, of_channel);
        list_remove(link);
        list_append(&read->questions, link);
        read->wants_list |= !question->stats;
        read->wants_stats |= question->stats;
    }
    presence_flush_channel_now(channel);
    presence_key(channel->presence, key, "channel", channel->name, NULL);
    ASK(read, on_hubs, "SMEMBERS", key);
    if (!read->awaited)
        (void)finish(read);
}

void presence_read_on_patience(uv_timer_t *timer)
{
    const struct presence *presence = timer->data;
    struct presence_channel *channel, *next_channel;
    int64_t now_ms = time_monotonic_us() / 1000;
    bool waiting = false;
    HASH_ITER(hh, presence->by_name, channel, next_channel)
    {
        struct presence_read *read = channel->read;
        waiting |= read != NULL;
        if (!read || now_ms - read->begun_ms < PATIENCE_MS)
            continue;
        while (!list_empty(&read->questions))
            answer_next(&read->questions, read, false);
        while (!list_empty(&channel->questions))
            answer_next(&channel->questions, read, false);
    }
    if (!waiting)
        uv_timer_stop(timer);
}

void presence_read_drop(struct presence_read *read)
{
    if (read)
        read->channel = NULL;
}
