/* The commands of presence: how keys are called, how words are gathered and sent, and what becomes
 * of a write that Redis refuses. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/presence/presence_internal.h"
#include "shared/base/log.h"

static struct log_limit write_limit = {.interval_ms = 60000};

void presence_add(struct presence_words *words, const char *bytes, size_t length)
{
    assert((size_t)words->count < ARRAY_LENGTH(words->words));
    words->words[words->count] = bytes;
    words->lengths[words->count++] = length;
}

void presence_key(const struct presence *presence, char out[PRESENCE_KEY_SIZE], const char *kind,
                  const char *first, const char *second)
{
    (void)snprintf(out, PRESENCE_KEY_SIZE, "%spresence:%s%s%s%s%s",
                   presence->settings->redis_prefix, kind, first ? ":" : "", first ? first : "",
                   second ? ":" : "", second ? second : "");
}

static void gather(struct presence_words *words, const char *const texts[])
{
    for (words->count = 0; texts[words->count];)
        presence_add(words, texts[words->count], strlen(texts[words->count]));
}

int presence_send(struct presence *presence, redis_reply_fn *on_reply, void *owner,
                  const char *const texts[])
{
    struct presence_words words;
    gather(&words, texts);
    if (!presence->link)
        return -ENOTCONN;
    return redis_link_command(presence->link, words.count, words.words, words.lengths, on_reply,
                              owner);
}

static void refused(struct presence *presence, const char *why)
{
    presence->faulty = true;
    presence->stats->presence_failures++;
    log_limited(&write_limit, LOG_LEVEL_WARNING, "presence: not available: %s", why);
}

static void on_written(void *owner, const struct redis_value *reply)
{
    struct presence *presence = owner;
    presence->unanswered--;
    if (reply && redis_value_error(reply))
        refused(presence, redis_value_error(reply));
    if (reply && !list_empty(&presence->dirty))
        presence_flush_soon(presence, 0);
}

void presence_write(struct presence *presence, const struct presence_words *words)
{
    if (!presence->link || !redis_link_up(presence->link))
        return; /* all is written anew once it is up */
    if (redis_link_command(presence->link, words->count, words->words, words->lengths, on_written,
                           presence))
        refused(presence, "too much is unsent");
    else
        presence->unanswered++;
}

void presence_write_texts(struct presence *presence, const char *const texts[])
{
    struct presence_words words;
    gather(&words, texts);
    presence_write(presence, &words);
}

void presence_publish(struct presence *presence, const char *channel, const struct buffer *message)
{
    char key[PRESENCE_KEY_SIZE];
    struct presence_words words = {.count = 0};
    (void)snprintf(key, sizeof(key), "%spresence:%s", presence->settings->redis_prefix, channel);
    presence_add(&words, "PUBLISH", 7);
    presence_add(&words, key, strlen(key));
    presence_add(&words, message->data, message->length);
    presence_write(presence, &words);
}

bool presence_available(const struct presence *presence)
{
    return presence->state == PRESENCE_READY && !presence->faulty;
}
