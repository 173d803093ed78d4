/* Secrets that are made for a request: Postgres gets their hashes, the answer shows them once. */
#ifndef MH_INGEST_ACCESS_FRESH_H
#define MH_INGEST_ACCESS_FRESH_H

#include <jansson.h>
#include <stdbool.h>

#include "ingest/http/session_cookie.h"
#include "shared/access/api_key.h"
#include "shared/base/buffer.h"

struct access_fresh {
    char key[API_KEY_TEXT_SIZE], token[SECRET_TEXT_SIZE]; /* "": none */
};

/* Adds `key_public_id` and `key_sha256` to the object. */
void access_fresh_key(struct access_fresh *fresh, json_t *object);
/* Adds `token_sha256`. */
void access_fresh_token(struct access_fresh *fresh, json_t *object);
/* Appends the answer with `"key"` and, if it is shown, `"token"` before its other members. A key
 * gets the answer's environment. False if the answer is no object. */
bool access_fresh_show(struct access_fresh *fresh, const char *answer, size_t length,
                       bool show_token, struct buffer *out);
void access_fresh_wipe(struct access_fresh *fresh);

#endif
