/* All numbers of the Centrifuge protocol that this hub sends, in one place: number, text, and for
 * closes the counter. Errors with `temporary` are retried by the SDKs; closes 3500-3999 are final,
 * other 3000-4999 reconnect; unsubscribe codes from 2500 on resubscribe. */
#ifndef MH_HUB_PROTOCOL_CODES_H
#define MH_HUB_PROTOCOL_CODES_H

#include <stdbool.h>
#include <stdint.h>

/* name, number, temporary, text */
#define PROTOCOL_ERROR_TABLE(X)                                                                    \
    X(INTERNAL, 100, true, "internal server error")                                                \
    X(UNAUTHORIZED, 101, false, "unauthorized")                                                    \
    X(UNKNOWN_CHANNEL, 102, false, "unknown channel")                                              \
    X(METHOD_NOT_FOUND, 104, false, "method not found")                                            \
    X(ALREADY_SUBSCRIBED, 105, false, "already subscribed")                                        \
    X(LIMIT_EXCEEDED, 106, false, "limit exceeded")                                                \
    X(BAD_REQUEST, 107, false, "bad request")                                                      \
    X(NOT_AVAILABLE, 108, false, "not available")                                                  \
    X(TOKEN_EXPIRED, 109, false, "token expired")                                                  \
    X(TOO_MANY_REQUESTS, 111, true, "too many requests")                                           \
    X(UNRECOVERABLE, 112, false, "unrecoverable position")

/* name, number, text; each has a counter of its name in /metrics */
#define PROTOCOL_CLOSE_TABLE(X)                                                                    \
    X(GONE, 1006, "gone")                                                                          \
    X(TOO_LARGE, 1009, "message size limit exceeded")                                              \
    X(NORMAL, 3000, "connection closed")                                                           \
    X(SHUTDOWN, 3001, "shutdown")                                                                  \
    X(EXPIRED, 3005, "connection expired")                                                         \
    X(SLOW, 3008, "slow")                                                                          \
    X(WRITE_ERROR, 3009, "write error")                                                            \
    X(NO_PONG, 3012, "no pong")                                                                    \
    X(INVALID_TOKEN, 3500, "invalid token")                                                        \
    X(BAD_REQUEST, 3501, "bad request")                                                            \
    X(STALE, 3502, "stale")                                                                        \
    X(FORCE_NO_RECONNECT, 3503, "force disconnect")                                                \
    X(CONNECTION_LIMIT, 3504, "connection limit")                                                  \
    X(SIGNED_OUT, 3505, "signed out")                                                              \
    X(SUSPENDED, 3506, "suspended")                                                                \
    X(SESSION_EXPIRED, 3507, "session expired")                                                    \
    X(REVOKED, 3508, "access revoked")

/* name, number, text */
#define PROTOCOL_UNSUBSCRIBE_TABLE(X)                                                              \
    X(SERVER, 2000, "unsubscribed by server")                                                      \
    X(INSUFFICIENT_STATE, 2500, "insufficient state")

enum protocol_error {
    PROTOCOL_ERROR_NONE = -1,
#define X(name, number, temporary, text) PROTOCOL_ERROR_##name,
    PROTOCOL_ERROR_TABLE(X)
#undef X
        PROTOCOL_ERROR_COUNT
};

enum protocol_close {
    PROTOCOL_CLOSE_NONE = -1,
#define X(name, number, text) PROTOCOL_CLOSE_##name,
    PROTOCOL_CLOSE_TABLE(X)
#undef X
        PROTOCOL_CLOSE_COUNT
};

enum protocol_unsubscribe {
#define X(name, number, text) PROTOCOL_UNSUBSCRIBE_##name,
    PROTOCOL_UNSUBSCRIBE_TABLE(X)
#undef X
        PROTOCOL_UNSUBSCRIBE_COUNT
};

struct protocol_code {
    uint16_t number;
    bool temporary;
    const char *text;
};

extern const struct protocol_code protocol_errors[PROTOCOL_ERROR_COUNT];
extern const struct protocol_code protocol_closes[PROTOCOL_CLOSE_COUNT];
extern const struct protocol_code protocol_unsubscribes[PROTOCOL_UNSUBSCRIBE_COUNT];

#endif
