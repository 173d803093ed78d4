/* One client's connection: reads requests one after the other, answers each before it takes the
 * next.
 *
 * While a request is with its handler, reading goes on only until something has come that must
 * wait; the descriptor's watch therefore stays as it is from request to request, and a request in
 * the usual size costs one recv and one send. Answers that are given outside of reading are sent at
 * the loop's next turn, so that whoever answers may still look at the request. */
#ifndef MH_INGEST_CONNECTION_H
#define MH_INGEST_CONNECTION_H

#include "ingest/http/server.h"

struct http_connection;

/* Takes over the descriptor. */
void http_connection_open(struct http_server *server, int descriptor);
/* An answer or a decision is there; called at the loop's next turn. */
void http_connection_resume(struct http_connection *connection);
/* Reads once what has come, if it reads at all now. */
void http_connection_read(struct http_connection *connection);
/* Closes it if the deadline of its phase has passed. */
void http_connection_check_deadline(struct http_connection *connection, int64_t now_us);
/* At once, whatever it does. */
void http_connection_close(struct http_connection *connection);
/* Its peer's address. */
const char *http_connection_address(const struct http_connection *connection);

#endif
