/* RFC 9457 problem details. */
#ifndef MH_INGEST_PROBLEM_H
#define MH_INGEST_PROBLEM_H

#include "ingest/http/request.h"

#define JSON_TYPE "application/json"
#define PROBLEM_TYPE "application/problem+json"

/* Answers the request. `detail` and `field` may be NULL. 401 carries WWW-Authenticate and 503
 * Retry-After. */
void http_problem(struct http_request *request, enum reason reason, const char *detail,
                  const char *field);
/* The same for what Postgres refuses: status and reason as app.fail() was told them. A reason that
 * is not known here gets its title from the status. Any text may be NULL or empty. */
void http_problem_of(struct http_request *request, int status, const char *reason,
                     const char *detail, const char *field);
/* Opens the object in request->reply.body, without its closing brace, for more members. */
void problem_begin(struct http_request *request, enum reason reason, const char *detail,
                   const char *field);
/* Answers with status and headers of `reason`; the body is in request->reply.body. */
void problem_send(struct http_request *request, enum reason reason);
/* Retry-After in whole seconds, rounded up. */
void reply_retry_after(struct http_request *request, int64_t wait_ms);

#endif
