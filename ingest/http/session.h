/* Sign-in (by a one-time link; by a password: sign_in.h), the browser's session (an HttpOnly
 * cookie, known to Postgres by its hash), and the short-lived tokens with which it opens a socket
 * at the hub. */
#ifndef MH_INGEST_SESSION_H
#define MH_INGEST_SESSION_H

#include "ingest/http/request.h"

struct ingest;

void session_post(struct ingest *ingest, struct http_request *request);   /* sign in */
void session_get(struct ingest *ingest, struct http_request *request);    /* who am I */
void session_delete(struct ingest *ingest, struct http_request *request); /* sign out */
void session_token(struct ingest *ingest, struct http_request *request);  /* for the hub */

#endif
