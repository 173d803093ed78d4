/* redis://[user:password@]address[:port][/db] and unix:///path, taken apart. */
#ifndef MH_REDIS_URL_H
#define MH_REDIS_URL_H

#include "shared/base/base.h"

#define REDIS_URL_PART_SIZE 256

struct redis_url {
    char user[REDIS_URL_PART_SIZE];     /* "": the default user */
    char password[REDIS_URL_PART_SIZE]; /* "": none */
    char host[REDIS_URL_PART_SIZE];     /* an address; "" for a socket */
    char path[REDIS_URL_PART_SIZE];     /* of the socket */
    int port;
    int database;
};

MUST_CHECK int redis_url_parse(const char *text, struct redis_url *ret_url);

#endif
