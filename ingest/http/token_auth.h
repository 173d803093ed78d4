/* Requests of people: `Authorization: Bearer <session token>`, the same token as for the hub. */
#ifndef MH_INGEST_TOKEN_AUTH_H
#define MH_INGEST_TOKEN_AUTH_H

struct http_request;
struct ingest;

/* Sets request->user and session, or answers 401, or 403
 * to who looks through somebody else's eyes: nobody reads or writes threads so. */
void token_authenticate(struct ingest *ingest, struct http_request *request);

#endif
