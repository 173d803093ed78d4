/* Where Redis is, taken apart:
 *   redis://[user:password@]address[:port][/db]
 *   unix:///path
 *   redis+sentinel://[user:password@]address[:port],…/master[/db][?sentinel=[user:]password]
 * The third names sentinels and the master they watch; its first user and password are of the Redis
 * servers, the last of the sentinels. Each part may be percent-encoded. Addresses are numbers,
 * since looking a name up would block. */
#ifndef MH_REDIS_URL_H
#define MH_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/base.h"

#define REDIS_URL_PART_SIZE 256
#define REDIS_URL_MAX_ADDRESSES 16
#define REDIS_HOST_SIZE 46 /* IPv6 as text, and NUL */

struct redis_address {
    char host[REDIS_HOST_SIZE];
    int port;
};

struct redis_url {
    char user[REDIS_URL_PART_SIZE];     /* "": the default user */
    char password[REDIS_URL_PART_SIZE]; /* "": none */
    char path[REDIS_URL_PART_SIZE];     /* of the socket; "": there are addresses */
    struct redis_address addresses[REDIS_URL_MAX_ADDRESSES];
    size_t address_count;
    int database;
    char master[REDIS_URL_PART_SIZE]; /* "": the address is Redis'; else they are the sentinels' */
    char sentinel_user[REDIS_URL_PART_SIZE], sentinel_password[REDIS_URL_PART_SIZE];
};

MUST_CHECK int redis_url_parse(const char *text, struct redis_url *ret_url);
/* Is `host` a numeric IPv4 or IPv6 address? */
bool redis_host_valid(const char *host);

#endif
