/* Every reason for which a request or one of its events is refused: the one table behind verdicts,
 * problem types (`urn:metrics-hub:problem:<reason>`) and counters. */
#ifndef MH_INGEST_REASON_H
#define MH_INGEST_REASON_H

/* name, text, HTTP status when the whole request is refused, title */
#define REASON_TABLE(X)                                                                            \
    X(NONE, "none", 200, "OK")                                                                     \
    X(INVALID_JSON, "invalid_json", 400, "Not valid JSON")                                         \
    X(TOO_DEEP, "too_deep", 422, "Nested too deeply")                                              \
    X(EMPTY, "empty", 422, "No event in the request")                                              \
    X(BATCH_TOO_LARGE, "batch_too_large", 413, "Too many events in one batch")                     \
    X(MISSING, "missing", 422, "A required field is missing")                                      \
    X(INVALID, "invalid", 422, "A field has an invalid value")                                     \
    X(TOO_LONG, "too_long", 422, "A field is too long")                                            \
    X(OUT_OF_RANGE, "out_of_range", 422, "A number is out of range")                               \
    X(UNKNOWN_TYPE, "unknown_type", 422, "Unknown event type")                                     \
    X(SPECVERSION, "unsupported_specversion", 422, "Unsupported CloudEvents version")              \
    X(MISMATCH, "mismatch", 422, "A field contradicts the API key")                                \
    X(HISTORICAL, "historical_not_allowed", 403, "The key may not send historical events")         \
    X(CONFLICT, "conflict", 409, "Same id, other content")                                         \
    X(TOO_OLD, "too_old", 422, "The event is older than 35 days")                                  \
    X(SUSPENDED, "partner_suspended", 403, "The partner is suspended")                             \
    X(ALL_REJECTED, "all_rejected", 422, "Every event was rejected")                               \
    X(BAD_REQUEST, "bad_request", 400, "Malformed request")                                        \
    X(UNAUTHORIZED, "unauthorized", 401, "An API key is required")                                 \
    X(KEY_INVALID, "key_invalid", 401, "The API key is not valid")                                 \
    X(KEY_EXPIRED, "key_expired", 401, "The API key has expired")                                  \
    X(KEY_REVOKED, "key_revoked", 401, "The API key was revoked")                                  \
    X(TOKEN_REQUIRED, "token_required", 401, "A session token is required")                        \
    X(TOKEN_INVALID, "token_invalid", 401, "The session token is not valid")                       \
    X(TOKEN_EXPIRED, "token_expired", 401, "The session token has expired")                        \
    X(LOCKED, "thread_locked", 403, "The thread is locked")                                        \
    X(READ_ONLY, "read_only", 403, "The role may read but not write")                              \
    X(IMPERSONATING, "impersonating", 403, "Not while looking through another's eyes")             \
    X(SCOPE, "insufficient_scope", 403, "The API key lacks a scope")                               \
    X(ADDRESS, "ip_not_allowed", 403, "The API key is not for use from this address")              \
    X(SEAT_LIMIT, "seat_limit", 403, "All seats of the API key are taken")                         \
    X(SIGN_IN, "sign_in_required", 401, "Sign in first")                                           \
    X(LINK_INVALID, "link_invalid", 401, "The sign-in link is used, expired or unknown")           \
    X(SIGN_IN_FAILED, "sign_in_failed", 401, "E-mail, password or code is not right")              \
    X(CODE_REQUIRED, "code_required", 401, "A code of the second factor is needed")                \
    X(IDENTITY_INVALID, "identity_invalid", 401, "The identity provider's token is not valid")     \
    X(IDENTITY_USED, "identity_used", 401, "The identity provider's token was used before")        \
    X(NO_ACCOUNT, "no_account", 403, "Nobody has an account here under this identity")             \
    X(STEP_UP_FAILED, "step_up_failed", 403, "Password or code is not right")                      \
    X(INVITATION_INVALID, "invitation_invalid", 401, "The invitation is used, expired or unknown") \
    X(ORIGIN, "origin_not_allowed", 403, "The request came from another site")                     \
    X(NO_WORKSPACE, "no_workspace", 403, "You belong to no partner yet")                           \
    X(NOT_FOUND, "not_found", 404, "Nothing is here")                                              \
    X(METHOD, "method_not_allowed", 405, "Method not allowed")                                     \
    X(TIMEOUT, "request_timeout", 408, "The request took too long")                                \
    X(BODY_TOO_LARGE, "body_too_large", 413, "The body is too large")                              \
    X(MEDIA_TYPE, "unsupported_media_type", 415, "Unsupported media type")                         \
    X(RATE_LIMITED, "rate_limited", 429, "Too many requests")                                      \
    X(HEADER_TOO_LARGE, "header_too_large", 431, "The header is too large")                        \
    X(INTERNAL, "internal", 500, "Internal error")                                                 \
    X(UNAVAILABLE, "unavailable", 503, "Temporarily unavailable; nothing was stored for certain")

enum reason {
#define X(name, text, status, title) REASON_##name,
    REASON_TABLE(X)
#undef X
        REASON_COUNT
};

const char *reason_text(enum reason reason);
const char *reason_title(enum reason reason);
int reason_status(enum reason reason);

#endif
