/* What the routes that open, prove and end a browser's session share: one question to Postgres at a
 * time on behalf of a request, and the answer with its cookie. */
#ifndef MH_INGEST_SESSION_CALL_H
#define MH_INGEST_SESSION_CALL_H

#include <jansson.h>

#include "ingest/http/credentials.h"
#include "ingest/http/identity.h"
#include "ingest/http/password.h"
#include "ingest/http/session_cookie.h"

#define SESSION_MAX_BODY 12288u /* an identity provider's token is the longest */

/* In the request's arena, which lives until the answer, since the request is suspended. */
struct session_call {
    struct ingest *ingest;
    struct http_request *request;
    unsigned char token_hash[SECRET_HASH_BYTES], session_hash[SECRET_HASH_BYTES];
    char secret[SECRET_TEXT_SIZE]; /* of the new session's cookie */
    const char *ttl, *agent;       /* seconds; what the browser says of itself, in ASCII */
    struct credentials credentials;
    char password[PASSWORD_MAX_BYTES + 1]; /* until it is compared */
    const char *code, *name;
    struct identity identity;
    int64_t asked_ms; /* the principal is of then, or later */
    struct pg_param params[13];
};

/* The second column of what writes. */
#define SESSION_FEEDS "current_setting('mh.feeds', true)"

struct session_call *session_call_new(struct ingest *ingest, struct http_request *request);
struct pg_param session_text(const char *text); /* NULL for NULL */

/* These answer the request when they return false. */
bool session_call_take_cookie(struct session_call *call);
/* Origin, size and rate: what is asked before a secret is looked at. */
bool session_call_may_try(struct session_call *call);
/* The same for one person or e-mail, however many addresses try. */
bool session_call_may_try_user(struct session_call *call, const char *user);
/* Whoever has a second factor needs its code as well: *ret_step is what it spends, -1 without one.
 */
bool session_call_second_factor(struct session_call *call, int64_t *ret_step);

/* The body, an object, for session_call_forget(); NULL with the request answered. */
json_t *session_call_body(struct session_call *call);
/* A text of it of at most `max` bytes, copied, or NULL. */
const char *session_call_text(struct session_call *call, const json_t *body, const char *name,
                              size_t max);
/* Frees it, and wipes the password that it holds and what the request brought. */
void session_call_forget(struct session_call *call, json_t *body);
/* Makes the secret of a new session, its hash, and what is kept with it. */
void session_call_begin(struct session_call *call);
void session_call_run(struct session_call *call, const char *name, const char *statement,
                      int param_count,
                      void (*on_result)(void *owner, const struct pg_result *result));
/* Whether Postgres answered; false, with a line in the log, with the request answered by `detail`.
 */
bool session_call_answered(struct session_call *call, const struct pg_result *result,
                           const char *detail);
/* The first column, JSON, or NULL with the request answered: `missing` if there is none. */
const char *session_call_principal(struct session_call *call, const struct pg_result *result,
                                   enum reason missing, size_t *ret_length);
/* What is in the second column. */
void session_call_publish(struct session_call *call, const struct pg_result *result);
/* Answers with the principal in the first column and the new session's cookie. */
void session_call_opened(struct session_call *call, const struct pg_result *result,
                         enum reason missing);

#endif
