/* Threads and messages of the user whose token came with the request. */
#ifndef MH_INGEST_MESSAGES_ROUTE_H
#define MH_INGEST_MESSAGES_ROUTE_H

struct http_request;
struct ingest;

/* A body of the largest size with every byte escaped, and room for what later clients may add. */
#define MESSAGE_MAX_REQUEST (128u * 1024u)

/* Answers after COMMIT; a retry with the same client_id is answered with the original. */
void message_post(struct ingest *ingest, struct http_request *request);
void threads_get(struct ingest *ingest, struct http_request *request);

#endif
