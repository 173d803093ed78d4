#include "shared/postgres/pg_client.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

struct pg_client {
    PGconn *connection;
    PGresult *result;
    char *error;
    char sqlstate[6];
};

static void set_error(struct pg_client *client, const char *message)
{
    free(client->error);
    client->error = memory_strdup(message);
    for (size_t n = strlen(client->error); n > 0 && client->error[n - 1] == '\n'; n--)
        client->error[n - 1] = '\0';
}

static void drop_notice(void *owner, const PGresult *result)
{
    (void)owner;
    (void)result;
}

int pg_client_open(const char *dsn, const char *name, struct pg_client **ret_client)
{
    const char *const keywords[] = {"dbname", "fallback_application_name", "connect_timeout", NULL};
    const char *const values[] = {dsn, name, "10", NULL};
    struct pg_client *client = memory_zalloc(sizeof(*client));

    *ret_client = client;
    client->connection = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(client->connection) != CONNECTION_OK) {
        set_error(client, PQerrorMessage(client->connection));
        return -ECONNREFUSED;
    }
    /* `IF NOT EXISTS` and the like are meant to be silent. */
    PQsetNoticeReceiver(client->connection, drop_notice, NULL);
    return 0;
}

void pg_client_close(struct pg_client *client)
{
    if (!client)
        return;
    PQclear(client->result);
    PQfinish(client->connection);
    free(client->error);
    free(client);
}

static int take_result(struct pg_client *client, PGresult *result)
{
    PQclear(client->result);
    client->result = result;
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
        return 0;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(client->sqlstate, sizeof(client->sqlstate), "%s", sqlstate ? sqlstate : "");
    set_error(client, PQerrorMessage(client->connection));
    return -EIO;
}

int pg_client_run(struct pg_client *client, const char *sql)
{
    return take_result(client, PQexec(client->connection, sql));
}

int pg_client_query(struct pg_client *client, const char *sql, const char *const *params,
                    int param_count)
{
    return take_result(
        client, PQexecParams(client->connection, sql, param_count, NULL, params, NULL, NULL, 0));
}

int pg_client_rows(const struct pg_client *client)
{
    return PQntuples(client->result);
}

const char *pg_client_text(const struct pg_client *client, int row, int column)
{
    return PQgetisnull(client->result, row, column) ? NULL
                                                    : PQgetvalue(client->result, row, column);
}

int pg_client_set_password(struct pg_client *client, const char *role, const char *password)
{
    char *verifier = PQencryptPasswordConn(client->connection, password, role, "scram-sha-256");
    char *name = PQescapeIdentifier(client->connection, role, strlen(role));
    int rc = -EIO;

    if (verifier && name) {
        char *sql = NULL;
        /* The verifier's alphabet is base64, `$` and `:`; it needs no quoting of its own. */
        if (asprintf(&sql, "ALTER ROLE %s PASSWORD '%s'", name, verifier) >= 0)
            rc = pg_client_run(client, sql);
        free(sql);
    } else {
        set_error(client, PQerrorMessage(client->connection));
    }
    PQfreemem(verifier);
    PQfreemem(name);
    return rc;
}

const char *pg_client_error(const struct pg_client *client)
{
    return client->error ? client->error : "";
}

const char *pg_client_sqlstate(const struct pg_client *client)
{
    return client->sqlstate;
}
