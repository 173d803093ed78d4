/* The principal as Postgres tells it (JSON) as the struct that tokens are made from. */
#ifndef MH_INGEST_SESSION_PRINCIPAL_H
#define MH_INGEST_SESSION_PRINCIPAL_H

#include "shared/access/principal.h"

/* 0 or -EINVAL. expires_ms is the session's end. */
MUST_CHECK int session_principal_parse(const char *json, size_t length,
                                       struct principal *ret_principal);

#endif
