/* The requests of signed-in people: which of them a method and a path name. What each needs and
 * does is told by Postgres, in app.routes and schema route, under the same name. */
#ifndef MH_INGEST_ACCESS_ROUTES_H
#define MH_INGEST_ACCESS_ROUTES_H

#include <stddef.h>

#include "ingest/http/router.h"

extern const struct route access_routes[];
extern const size_t access_route_count;

#endif
