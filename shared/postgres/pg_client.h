/* Synchronous Postgres client, for command-line programs only: each call waits for the server.
 * Daemons use pg_link. The client owns the connection and the last result; texts that it returns
 * live until its next call. */
#ifndef MH_PG_CLIENT_H
#define MH_PG_CLIENT_H

#include "shared/base/base.h"

struct pg_client;

/* Connects with `dsn` (libpq connection string). 0 or -ECONNREFUSED; *ret_client is set in both
 * cases, so that pg_client_error can tell why. */
MUST_CHECK int pg_client_open(const char *dsn, const char *name, struct pg_client **ret_client);
/* NULL-safe. */
void pg_client_close(struct pg_client *client);

/* Runs `sql`, any number of statements without parameters: they are one transaction unless they
 * hold transaction commands themselves. 0 or -EIO. */
MUST_CHECK int pg_client_run(struct pg_client *client, const char *sql);
/* Runs one statement with text parameters, NULL for SQL NULL. 0 or -EIO. */
MUST_CHECK int pg_client_query(struct pg_client *client, const char *sql, const char *const *params,
                               int param_count);
int pg_client_rows(const struct pg_client *client);
/* NULL for SQL NULL. */
const char *pg_client_text(const struct pg_client *client, int row, int column);

/* Sets the password of a login role; only its SCRAM verifier leaves this process, so the password
 * is in no server log. 0 or -EIO. */
MUST_CHECK int pg_client_set_password(struct pg_client *client, const char *role,
                                      const char *password);

/* What went wrong, without a trailing newline: the server's message, with detail and hint. */
const char *pg_client_error(const struct pg_client *client);
/* SQLSTATE of the last failure, or "". */
const char *pg_client_sqlstate(const struct pg_client *client);

#endif
