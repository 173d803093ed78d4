/* The principal as Postgres tells it (app.principal_of, app.access_json) as the struct that tokens
 * are made from. */
#ifndef MH_PRINCIPAL_JSON_H
#define MH_PRINCIPAL_JSON_H

#include <jansson.h>

#include "shared/access/principal.h"

/* Who it is and what he may: without a session and an end. 0 or -EINVAL. */
MUST_CHECK int principal_from_json(const json_t *root, struct principal *ret_principal);
/* The same of a session; expires_ms is its end. 0 or -EINVAL. */
MUST_CHECK int session_principal_parse(const char *json, size_t length,
                                       struct principal *ret_principal);
/* The set that an array of names says, of those in `all`; a name that is unknown here gives
 * nothing. 0 or -EINVAL: not an array of texts. */
MUST_CHECK int permissions_from_json(const json_t *array, uint64_t all, uint64_t *ret_permissions);

#endif
