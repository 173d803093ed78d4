#include "ingest/http/session_cookie.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "ingest/ingest.h"

#define COOKIE_NAME "mh_session"
#define SECRET_BYTES 32u

_Static_assert(SECRET_HASH_BYTES == crypto_hash_sha256_BYTES, "SHA-256");

bool session_origin_allowed(const struct ingest *ingest, const struct http_request *request)
{
    const char *origin = http_request_header(request, "Origin");
    const char *host = http_request_header(request, "Host");
    const char *site = http_request_header(request, "Sec-Fetch-Site");
    if (!origin)
        return !site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    if (strcasecmp(origin, ingest->origin) == 0)
        return true;
    const char *origin_host = strstr(origin, "://");
    return host && origin_host && strcasecmp(origin_host + 3, host) == 0;
}

void secret_hash(const char *text, unsigned char ret_hash[SECRET_HASH_BYTES])
{
    crypto_hash_sha256(ret_hash, (const unsigned char *)text, strlen(text));
}

struct pg_param secret_hash_param(const unsigned char *hash)
{
    return (struct pg_param){.type = 17, .data = hash, .length = SECRET_HASH_BYTES, .binary = true};
}

void secret_generate(char ret_text[SECRET_TEXT_SIZE], unsigned char ret_hash[SECRET_HASH_BYTES])
{
    unsigned char random[SECRET_BYTES];
    randombytes_buf(random, sizeof(random));
    sodium_bin2base64(ret_text, SECRET_TEXT_SIZE, random, sizeof(random),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof(random));
    secret_hash(ret_text, ret_hash);
}

bool session_cookie_hash(struct http_request *request, unsigned char ret_hash[SECRET_HASH_BYTES])
{
    const char *cookie = http_request_cookie(request, COOKIE_NAME);
    if (!cookie || strlen(cookie) != SECRET_TEXT_SIZE - 1)
        return false;
    secret_hash(cookie, ret_hash);
    return true;
}

void session_cookie_set(const struct ingest *ingest, struct http_request *request,
                        const char *value, int64_t max_age_s)
{
    http_reply_header(request, "Set-Cookie",
                      arena_printf(&request->arena,
                                   COOKIE_NAME
                                   "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%" PRId64 "%s",
                                   value, max_age_s, ingest->secure_cookie ? "; Secure" : ""));
}
