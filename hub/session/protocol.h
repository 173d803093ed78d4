/* The Centrifuge client protocol, JSON, version 2, as bytes: decodes a client's commands, encodes
 * replies. Knows no session and no socket, so that it can be tested and fuzzed alone. */
#ifndef MH_HUB_PROTOCOL_H
#define MH_HUB_PROTOCOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/session/protocol_codes.h"
#include "shared/base/base.h"
#include "shared/base/buffer.h"

/* name, member of the command */
#define PROTOCOL_METHOD_TABLE(X)                                                                   \
    X(CONNECT, "connect")                                                                          \
    X(SUBSCRIBE, "subscribe")                                                                      \
    X(UNSUBSCRIBE, "unsubscribe")                                                                  \
    X(PUBLISH, "publish")                                                                          \
    X(PRESENCE, "presence")                                                                        \
    X(PRESENCE_STATS, "presence_stats")                                                            \
    X(HISTORY, "history")                                                                          \
    X(PING, "ping")                                                                                \
    X(SEND, "send")                                                                                \
    X(RPC, "rpc")                                                                                  \
    X(REFRESH, "refresh")                                                                          \
    X(SUB_REFRESH, "sub_refresh")

enum protocol_method {
#define X(name, text) METHOD_##name,
    PROTOCOL_METHOD_TABLE(X)
#undef X
        METHOD_PONG, /* {}: the answer to our ping */
    METHOD_UNKNOWN,  /* has an id, but nothing that we know */
    METHOD_COUNT
};

struct protocol_text {
    const char *bytes; /* "" when absent; NUL-terminated, in the command's JSON */
    size_t length;
};

struct command {
    json_t *root; /* owns the texts */
    uint32_t id;  /* 0: wants no reply */
    enum protocol_method method;
    struct protocol_text token;   /* connect, refresh */
    struct protocol_text channel; /* subscribe, unsubscribe, publish, presence, history */
    struct protocol_text epoch;   /* subscribe, history */
    struct protocol_text rpc;     /* rpc: its method */
    const json_t *data;           /* rpc: its data; NULL: none */
    bool recover, join_leave;     /* subscribe */
    int64_t offset;               /* subscribe, history */
    bool has_since, reverse;      /* history */
    int64_t limit;                /* history; 0: only the position, negative: all */
};

/* One command, without its newline. 0, or -EINVAL: not of the protocol (close the connection). */
MUST_CHECK int command_decode(const char *bytes, size_t length, struct command *ret_command);
void command_done(struct command *command);

/* Cuts the next line off a message: true, and the line without its end. Empty lines are skipped. */
bool protocol_next_line(const char **bytes, size_t *length, const char **ret_line,
                        size_t *ret_length);

/* Each appends a whole reply; several in one frame are put apart by newlines, which is done here.
 */
void protocol_append_error(struct buffer *out, uint32_t id, enum protocol_error error);
void protocol_append_empty(struct buffer *out, uint32_t id, enum protocol_method method);
void protocol_append_ping(struct buffer *out);
void protocol_append_unsubscribe(struct buffer *out, const char *channel,
                                 enum protocol_unsubscribe code);
/* Opens `{"id":…,"<method>":{`; the caller appends members and `}}`. */
void protocol_open_reply(struct buffer *out, uint32_t id, enum protocol_method method);
const char *protocol_method_text(enum protocol_method method);

#endif
