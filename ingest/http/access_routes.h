/* The requests of signed-in people, and of programs that read: which of them a method and a path
 * name. What each needs and does is told by Postgres, in app.routes and schema route, under the
 * same name. */
#ifndef MH_INGEST_ACCESS_ROUTES_H
#define MH_INGEST_ACCESS_ROUTES_H

#include <stddef.h>

#include "ingest/http/router.h"

enum access_flag {
    ACCESS_NEW_KEY = 1,       /* an API key is made, and shown as `key` */
    ACCESS_NEW_TOKEN = 2,     /* a token is made, and shown as `token` */
    ACCESS_COOKIE = 4,        /* the token is not shown, it becomes the session's cookie; with
                                 "signed_in": false the cookie is taken away */
    ACCESS_PASSWORD = 8,      /* the body's `password` is replaced by its hash */
    ACCESS_CODE = 16,         /* the body's `code` is compared with the second factor */
    ACCESS_CSV = 32,          /* the body may be CSV */
    ACCESS_TARGET_ID = 64,    /* the target is the query's `id` */
    ACCESS_STUCK_AFTER = 128, /* from which age on a job is stuck is told */
    ACCESS_OR_KEY = 256       /* an API key with key_scopes does instead of a session */
};

extern const struct route access_routes[];
extern const size_t access_route_count;

#endif
