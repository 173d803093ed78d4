/* Clears up after hubs whose key has expired: one hub, one channel, one page of clients after the
 * other, so that a large one costs no long turn. Each step is the answer to the command before. A
 * hub takes over by setting `gone`, which others respect; whatever fails ends the round. */
#include <stdlib.h>
#include <string.h>

#include "hub/presence/presence_internal.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"

#define GONE_TTL_MS "3600000"
#define PAGE "250"

struct names {
    char **texts;
    size_t count, next;
};

struct presence_sweep {
    struct presence *presence;
    bool running;
    struct names hubs, channels;
    char letter;
    char cursor[24];
    bool again; /* a page was larger than a chunk: the scan is to be repeated */
};

static void next_hub(struct presence_sweep *sweep);
static void next_page(struct presence_sweep *sweep);

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->texts[i]);
    free(names->texts);
    *names = (struct names){.count = 0};
}

static void names_take(struct names *names, const struct redis_value *reply)
{
    names_done(names);
    names->texts = memory_array(redis_value_count(reply) + 1, sizeof(*names->texts));
    for (size_t i = 0; i < redis_value_count(reply); i++) {
        const char *text = redis_value_text(redis_value_at(reply, i), NULL);
        if (text)
            names->texts[names->count++] = memory_strdup(text);
    }
}

static const char *current(const struct names *names)
{
    return names->texts[names->next - 1];
}

static void end_round(struct presence_sweep *sweep)
{
    sweep->running = false;
    names_done(&sweep->hubs);
    names_done(&sweep->channels);
}

/* The round ends with a lost link and with what it does not understand. */
static bool usable(struct presence_sweep *sweep, const struct redis_value *reply)
{
    bool good = reply && !redis_value_error(reply) && presence_available(sweep->presence);
    if (!good)
        end_round(sweep);
    return good;
}

static void ask(struct presence_sweep *sweep, redis_reply_fn *on_reply, const char *const words[])
{
    if (presence_send(sweep->presence, on_reply, sweep, words))
        end_round(sweep);
}
#define ASK(sweep, on_reply, ...) ask(sweep, on_reply, (const char *const[]){__VA_ARGS__, NULL})

/* ---- one channel of a dead hub ---- */

static void finish_hub(struct presence_sweep *sweep)
{
    char key[PRESENCE_KEY_SIZE];
    const char *hub = current(&sweep->hubs);
    presence_key(sweep->presence, key, "channels", hub, NULL);
    PRESENCE_WRITE(sweep->presence, "DEL", key);
    presence_key(sweep->presence, key, "hubs", NULL, NULL);
    PRESENCE_WRITE(sweep->presence, "SREM", key, hub);
    log_info("presence: hub %s has died; %zu channels are cleared of its clients", hub,
             sweep->channels.count);
    next_hub(sweep);
}

static void next_channel(struct presence_sweep *sweep)
{
    char key[PRESENCE_KEY_SIZE];
    if (sweep->channels.next > 0) {
        presence_key(sweep->presence, key, "channel", current(&sweep->channels), NULL);
        PRESENCE_WRITE(sweep->presence, "SREM", key, current(&sweep->hubs));
    }
    if (sweep->channels.next == sweep->channels.count) {
        finish_hub(sweep);
        return;
    }
    sweep->channels.next++;
    sweep->letter = PRESENCE_HIDDEN;
    memcpy(sweep->cursor, "0", 2);
    next_page(sweep);
}

/* Takes the page's clients back before their leaves are sent: at most once each. */
static void take_back(struct presence_sweep *sweep, const char *key, const struct redis_value *page)
{
    struct presence_words words = {.count = 0};
    struct buffer *message = &sweep->presence->message;
    presence_add(&words, "HDEL", 4);
    presence_add(&words, key, strlen(key));
    buffer_clear(message);
    buffer_append_text(message, "{\"leave\":[");
    for (size_t i = 0; i + 1 < redis_value_count(page) && i < (size_t)2 * PRESENCE_CHUNK; i += 2) {
        struct presence_person person = {.letter = sweep->letter};
        size_t length, name_length;
        const char *field = redis_value_text(redis_value_at(page, i), &length);
        const char *name = redis_value_text(redis_value_at(page, i + 1), &name_length);
        if (!field || !name)
            continue;
        presence_add(&words, field, length);
        person.name = (struct presence_text){name, name_length};
        if (presence_field_split(field, length, &person) && presence_text_valid(name, name_length))
            presence_append_person(message, &person);
    }
    buffer_append_text(message, "]}");
    if (words.count <= 2)
        return;
    presence_write(sweep->presence, &words);
    presence_publish(sweep->presence, current(&sweep->channels), message);
}

static void page_key(const struct presence_sweep *sweep, char key[PRESENCE_KEY_SIZE])
{
    const char kind[] = {sweep->letter, '\0'};
    presence_key(sweep->presence, key, kind, current(&sweep->channels), current(&sweep->hubs));
}

/* [cursor, [field, value, …]] */
static void on_page(void *owner, const struct redis_value *reply)
{
    struct presence_sweep *sweep = owner;
    char key[PRESENCE_KEY_SIZE];
    if (!usable(sweep, reply))
        return;
    const char *cursor =
        redis_value_count(reply) == 2 ? redis_value_text(redis_value_at(reply, 0), NULL) : NULL;
    if (!cursor || strlen(cursor) >= sizeof(sweep->cursor)) {
        end_round(sweep);
        return;
    }
    const struct redis_value *page = redis_value_at(reply, 1);
    page_key(sweep, key);
    take_back(sweep, key, page);
    memcpy(sweep->cursor, cursor, strlen(cursor) + 1);
    if (redis_value_count(page) > (size_t)2 * PRESENCE_CHUNK)
        sweep->again = true;
    if (strcmp(cursor, "0") != 0 || sweep->again) {
        sweep->again = sweep->again && strcmp(cursor, "0") != 0;
        next_page(sweep);
    } else if (sweep->letter == PRESENCE_HIDDEN) {
        sweep->letter = PRESENCE_SHOWN;
        next_page(sweep);
    } else {
        next_channel(sweep);
    }
}

static void next_page(struct presence_sweep *sweep)
{
    char key[PRESENCE_KEY_SIZE];
    page_key(sweep, key);
    ASK(sweep, on_page, "HSCAN", key, sweep->cursor, "COUNT", PAGE);
}

/* ---- one hub ---- */

static void on_channels(void *owner, const struct redis_value *reply)
{
    struct presence_sweep *sweep = owner;
    if (!usable(sweep, reply))
        return;
    names_take(&sweep->channels, reply);
    next_channel(sweep);
}

/* OK, or nothing: another hub does it. */
static void on_claimed(void *owner, const struct redis_value *reply)
{
    struct presence_sweep *sweep = owner;
    char key[PRESENCE_KEY_SIZE];
    if (!usable(sweep, reply))
        return;
    if (!redis_value_text(reply, NULL)) {
        next_hub(sweep);
        return;
    }
    presence_key(sweep->presence, key, "channels", current(&sweep->hubs), NULL);
    ASK(sweep, on_channels, "SMEMBERS", key);
}

static void on_alive(void *owner, const struct redis_value *reply)
{
    struct presence_sweep *sweep = owner;
    char key[PRESENCE_KEY_SIZE];
    if (!usable(sweep, reply))
        return;
    if (redis_value_integer(reply, 1)) {
        next_hub(sweep);
        return;
    }
    presence_key(sweep->presence, key, "gone", current(&sweep->hubs), NULL);
    ASK(sweep, on_claimed, "SET", key, sweep->presence->id, "NX", "PX", GONE_TTL_MS);
}

static void next_hub(struct presence_sweep *sweep)
{
    char key[PRESENCE_KEY_SIZE];
    if (sweep->hubs.next < sweep->hubs.count &&
        strcmp(sweep->hubs.texts[sweep->hubs.next], sweep->presence->id) == 0)
        sweep->hubs.next++;
    if (sweep->hubs.next == sweep->hubs.count) {
        end_round(sweep);
        return;
    }
    presence_key(sweep->presence, key, "alive", sweep->hubs.texts[sweep->hubs.next++], NULL);
    ASK(sweep, on_alive, "EXISTS", key);
}

static void on_hubs(void *owner, const struct redis_value *reply)
{
    struct presence_sweep *sweep = owner;
    if (!usable(sweep, reply))
        return;
    names_take(&sweep->hubs, reply);
    next_hub(sweep);
}

/* ---- life ---- */

void presence_sweep_begin(struct presence_sweep *sweep)
{
    char key[PRESENCE_KEY_SIZE];
    if (sweep->running)
        return;
    sweep->running = true;
    presence_key(sweep->presence, key, "hubs", NULL, NULL);
    ASK(sweep, on_hubs, "SMEMBERS", key);
}

struct presence_sweep *presence_sweep_new(struct presence *presence)
{
    struct presence_sweep *sweep = memory_zalloc(sizeof(*sweep));
    sweep->presence = presence;
    return sweep;
}

void presence_sweep_free(struct presence_sweep *sweep)
{
    if (!sweep)
        return;
    end_round(sweep);
    free(sweep);
}
