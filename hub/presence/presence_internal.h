/* Shared by the files of this folder only. presence.c holds the entries and writes them by
 * presence_command.c, presence_life.c keeps this hub alive in Redis, presence_read.c answers
 * questions, presence_sweep.c clears up after hubs that died. */
#ifndef MH_HUB_PRESENCE_INTERNAL_H
#define MH_HUB_PRESENCE_INTERNAL_H

#include <uthash.h>

#include "hub/presence/presence.h"
#include "hub/presence/presence_message.h"
#include "shared/access/channel_name.h"
#include "shared/base/list.h"
#include "shared/redis/redis_link.h"

#define PRESENCE_ID_SIZE 17
#define PRESENCE_KEY_SIZE 384
#define PRESENCE_CHUNK 250 /* entries in one command */

enum presence_state {
    PRESENCE_AWAY,     /* Redis is */
    PRESENCE_CHECKING, /* whether we are still alive there */
    PRESENCE_READY,
    PRESENCE_CLOSED
};

struct presence_sweep;
struct presence_read;

struct presence {
    uv_loop_t *loop;
    const struct hub_settings *settings;
    struct hub_stats *stats;
    struct redis_link *link;
    enum presence_state state;
    char id[PRESENCE_ID_SIZE], old_id[PRESENCE_ID_SIZE]; /* of this hub, in Redis; "": none yet */
    bool alive;                                          /* said the last check's first answer */
    bool faulty;          /* something could not be written: to be written anew */
    int64_t confirmed_ms; /* monotonic: alive at least then */
    unsigned unanswered;  /* writes */
    struct presence_channel *by_name;
    struct list dirty; /* channels with something to write */
    uv_timer_t flush_timer, life_timer, patience_timer;
    struct buffer message; /* reused */
    struct presence_sweep *sweep;
};

struct presence_channel {
    UT_hash_handle hh;
    char name[CHANNEL_NAME_SIZE];
    struct presence *presence;
    struct list dirty; /* in presence->dirty */
    /* Entries: to be written, written, to be taken back. */
    struct list fresh, present, leaving;
    struct list watchers;
    bool registered; /* in the sets of Redis */
    bool reset;      /* what stands there of it is not to be trusted */
    struct list questions;
    struct presence_read *read; /* NULL: none under way */
    double push_tokens;
    int64_t push_filled_ms; /* monotonic */
};

struct presence_entry {
    struct list link; /* in one list of the channel */
    struct list watch;
    struct list questions; /* struct presence_question, by `of_entry` */
    struct presence_channel *channel;
    const struct presence_ops *ops;
    void *owner;
    bool announced; /* its join has been sent */
    bool sees_all;
    uint8_t question_count;
    char letter;
    uint16_t field_length, name_length;
    char text[]; /* "user/client", NUL, "name", NUL */
};

struct presence_question {
    struct list of_channel, of_entry;
    struct presence_entry *entry;
    uint32_t id;
    bool stats;
};

/* ---- commands ---- */

/* Words of one command, gathered; they are borrowed until it is sent. */
struct presence_words {
    int count;
    const char *words[2 + 2 * PRESENCE_CHUNK];
    size_t lengths[2 + 2 * PRESENCE_CHUNK];
};

void presence_add(struct presence_words *words, const char *bytes, size_t length);
/* Of up to six NUL-terminated words; NULL ends them. 0 or as redis_link_command. */
MUST_CHECK int presence_send(struct presence *presence, redis_reply_fn *on_reply, void *owner,
                             const char *const texts[]);
#define PRESENCE_SEND(presence, on_reply, owner, ...)                                              \
    presence_send(presence, on_reply, owner, (const char *const[]){__VA_ARGS__, NULL})
/* A write whose answer only matters if it is an error. */
void presence_write(struct presence *presence, const struct presence_words *words);
#define PRESENCE_WRITE(presence, ...)                                                              \
    presence_write_texts(presence, (const char *const[]){__VA_ARGS__, NULL})
void presence_write_texts(struct presence *presence, const char *const texts[]);
/* `presence:<kind>` or `presence:<kind>:<first>[:<second>]` under the prefix. */
void presence_key(const struct presence *presence, char out[PRESENCE_KEY_SIZE], const char *kind,
                  const char *first, const char *second);
void presence_publish(struct presence *presence, const char *channel, const struct buffer *message);

/* ---- between the files ---- */

/* Redis has answered to all that was asked of it, so far. */
bool presence_available(const struct presence *presence);
/* Everything is to be written anew, under presence->id. `announced`: whoever was there is known to
 * be there. */
void presence_rewrite(struct presence *presence, bool announced);
void presence_flush_soon(struct presence *presence, uint64_t delay_ms);
/* Sends what there is of the channel, so that a read that follows finds it. */
void presence_flush_channel_now(struct presence_channel *channel);

void presence_life_on_link(struct presence *presence, bool up);
void presence_life_check(struct presence *presence);
/* Too long since Redis said that we are alive: others may have taken over. */
bool presence_life_stale(const struct presence *presence);

void presence_read_begin(struct presence_channel *channel);
/* For the patience timer: answers those who have waited for too long. */
void presence_read_on_patience(uv_timer_t *timer);
/* The channel goes. */
void presence_read_drop(struct presence_read *read);

struct presence_sweep *presence_sweep_new(struct presence *presence);
void presence_sweep_begin(struct presence_sweep *sweep);
void presence_sweep_free(struct presence_sweep *sweep);

#endif
