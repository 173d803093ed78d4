/* Requests of people: `Authorization: Bearer <session token>`, the same token as for the hub. */
#ifndef MH_INGEST_TOKEN_AUTH_H
#define MH_INGEST_TOKEN_AUTH_H

struct http_request;
struct ingest;

/* Sets request->user, or answers 401. */
void token_authenticate(struct ingest *ingest, struct http_request *request);

#endif
