/* Signing in by a token of the identity provider that the settings name. */
#ifndef MH_INGEST_IDENTITY_SIGN_IN_H
#define MH_INGEST_IDENTITY_SIGN_IN_H

#include "ingest/http/session_call.h"

/* `body` is {id_token, nonce?, code?}; borrowed. A token opens one session. */
void sign_in_by_identity(struct session_call *call, const json_t *body);
/* GET /v1/session/provider: where the sign-in page may send people, {"provider":{name, url,
 * client}} or null. */
void identity_provider_get(struct ingest *ingest, struct http_request *request);

#endif
