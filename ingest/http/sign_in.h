/* Proofs of who somebody is, other than by a link: e-mail and password, a code of the second
 * factor, an invitation's token. What is refused does not tell whether there is such a person: one
 * answer, after the same work. */
#ifndef MH_INGEST_SIGN_IN_H
#define MH_INGEST_SIGN_IN_H

#include "ingest/http/session_call.h"

/* `body` is {email, password, code?}; borrowed. */
void sign_in_by_password(struct session_call *call, const json_t *body);
/* POST /v1/session/step-up: {password} or {code}, of who is signed in. */
void step_up_post(struct ingest *ingest, struct http_request *request);
/* POST /v1/invitations/accept: {token, name?, password?}. */
void invitation_accept_post(struct ingest *ingest, struct http_request *request);

#endif
