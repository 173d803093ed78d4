/* What every request of a browser has in common: the cookie that names its session, and the proof
 * that our own page sent it. Postgres knows a session by the hash of the cookie's value. */
#ifndef MH_INGEST_SESSION_COOKIE_H
#define MH_INGEST_SESSION_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/http/request.h"
#include "shared/postgres/pg_link.h"

#define SECRET_TEXT_SIZE 44 /* base64url of 32 bytes without padding, and NUL */
#define SECRET_HASH_BYTES 32

struct ingest;

/* Whether the request may come from our own page. Browsers always send Origin with what is not GET;
 * without it and without Sec-Fetch-Site it is no browser, which has no cookie to abuse. */
bool session_origin_allowed(const struct ingest *ingest, const struct http_request *request);
/* False without a cookie of the right form. */
bool session_cookie_hash(struct http_request *request, unsigned char ret_hash[SECRET_HASH_BYTES]);
/* An empty value with no age takes the cookie away. */
void session_cookie_set(const struct ingest *ingest, struct http_request *request,
                        const char *value, int64_t max_age_s);
/* 32 random bytes and their text's hash; the caller wipes the text. */
void secret_generate(char ret_text[SECRET_TEXT_SIZE], unsigned char ret_hash[SECRET_HASH_BYTES]);
void secret_hash(const char *text, unsigned char ret_hash[SECRET_HASH_BYTES]);
/* `hash` is borrowed. */
struct pg_param secret_hash_param(const unsigned char *hash);

#endif
