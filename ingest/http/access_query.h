/* The query string of a signed-in person's request as a JSON object of texts. */
#ifndef MH_INGEST_ACCESS_QUERY_H
#define MH_INGEST_ACCESS_QUERY_H

#include <jansson.h>

#include "ingest/events/arena.h"

#define ACCESS_QUERY_MAX 40 /* members */

/* {"name":"value"…}, decoded; the caller frees it. NULL if a name stands twice or is empty, an
 * escape is broken, something is not UTF-8, or there are too many; then *ret_field names it, in the
 * arena, unless the name itself is at fault (NULL). */
json_t *access_query_parse(const char *query, struct arena *arena, const char **ret_field);

#endif
