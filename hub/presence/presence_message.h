/* Joins and leaves as bytes: the message that hubs send each other through Redis,
 *   {"join":[["client","user","name","m"],…],"leave":[…]}
 * (the last: the letter of the hash, see presence.h), and the pushes that clients get. */
#ifndef MH_HUB_PRESENCE_MESSAGE_H
#define MH_HUB_PRESENCE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/base.h"
#include "shared/base/buffer.h"

#define PRESENCE_HIDDEN 's'
#define PRESENCE_SHOWN 'm'

struct presence_text {
    const char *bytes;
    size_t length;
};

struct presence_person {
    struct presence_text client, user, name;
    char letter;
};

/* Appends `["client",…]` after a comma, if one is needed. */
void presence_append_person(struct buffer *out, const struct presence_person *person);
/* Appends `{"client":…,"user":…,"conn_info":{"name":…}}`. */
void presence_append_info(struct buffer *out, const struct presence_person *person);

/* What clients get of a message: one push after the other, for those who see everybody and for the
 * rest. */
struct presence_pushes {
    struct buffer all, shown;
    size_t count;
};

/* 0 or -EINVAL, then nothing is appended. At most `limit` pushes; the rest is left out. */
MUST_CHECK int presence_message_decode(const char *channel, const char *bytes, size_t length,
                                       size_t limit, struct presence_pushes *pushes);
void presence_pushes_done(struct presence_pushes *pushes);

/* Is it text that may be shown to clients: valid UTF-8? */
bool presence_text_valid(const char *bytes, size_t length);
/* Takes `user/client` apart; false if it is not of this form. */
bool presence_field_split(const char *bytes, size_t length, struct presence_person *person);

#endif
