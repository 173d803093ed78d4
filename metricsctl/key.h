/* Making API keys. */
#ifndef MH_KEY_H
#define MH_KEY_H

#include <stdint.h>

#include "shared/access/api_key.h"

struct pg_client;

struct key_request {
    const char *partner, *name;
    enum api_key_environment environment;
    const char *scopes;   /* comma-separated */
    int64_t rate;         /* events per second, 0 = the server's default */
    const char *expires;  /* RFC 3339, NULL: never */
    const char *networks; /* comma-separated, NULL: any */
    int64_t max_seats;    /* 0: any number */
};

/* Stores a new key's hash and writes its text, which the caller shows once and wipes. 0, or -EIO
 * with the reason in the client. */
MUST_CHECK int key_create(struct pg_client *client, const struct key_request *request,
                          char out_text[API_KEY_TEXT_SIZE]);

#endif
