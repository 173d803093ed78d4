#include "shared/postgres/pg_client.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/buffer.h"
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

/* Line of `sql` that the error's position (characters, from 1) lies in; 0 if it has none. */
static int line_of_error(const PGresult *result, const char *sql)
{
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    long left = position ? strtol(position, NULL, 10) : 0;
    int line = left > 0;

    for (; *sql && left > 1; sql++) {
        line += *sql == '\n';
        left -= ((unsigned char)*sql & 0xC0) != 0x80;
    }
    return line;
}

static void describe_error(struct pg_client *client, const PGresult *result, const char *sql)
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    struct buffer text = BUFFER_INIT;
    int line = line_of_error(result, sql);

    if (line > 1)
        buffer_printf(&text, "line %d: ", line);
    buffer_append_text(&text, primary ? primary : PQerrorMessage(client->connection));
    if (detail)
        buffer_printf(&text, "; %s", detail);
    if (hint)
        buffer_printf(&text, "; %s", hint);
    buffer_append(&text, "", 1);
    set_error(client, text.data);
    buffer_done(&text);
}

static int take_result(struct pg_client *client, PGresult *result, const char *sql)
{
    PQclear(client->result);
    client->result = result;
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
        return 0;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(client->sqlstate, sizeof(client->sqlstate), "%s", sqlstate ? sqlstate : "");
    describe_error(client, result, sql);
    return -EIO;
}

int pg_client_run(struct pg_client *client, const char *sql)
{
    return take_result(client, PQexec(client->connection, sql), sql);
}

int pg_client_query(struct pg_client *client, const char *sql, const char *const *params,
                    int param_count)
{
    PGresult *result =
        PQexecParams(client->connection, sql, param_count, NULL, params, NULL, NULL, 0);

    return take_result(client, result, sql);
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
