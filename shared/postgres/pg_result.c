#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/postgres/pg_internal.h"

/* SQLSTATEs (or classes, when shorter) after which the same statement may succeed later. */
static const char *const retryable[] = {
    "40001", /* serialization_failure */
    "40P01", /* deadlock_detected */
    "53",    /* insufficient resources: disk full, out of memory, too many connections */
    "57P0",  /* the server is going down or is starting */
    "57014", /* query_canceled: statement_timeout */
    "55P03", /* lock_not_available: lock_timeout */
    "25006", /* read_only_sql_transaction: the primary has become a standby */
    "26000", /* invalid_sql_statement_name: the prepared statement has gone */
    "0A000", /* the cached plan's result type has changed */
};

enum pg_failure pg_result_classify(const PGresult *rows)
{
    ExecStatusType status = PQresultStatus(rows);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY)
        return PG_OK;
    const char *sqlstate = PQresultErrorField(rows, PG_DIAG_SQLSTATE);
    if (!sqlstate)
        return PG_FAILED_CONNECTION; /* libpq made this error itself */
    for (size_t i = 0; i < ARRAY_LENGTH(retryable); i++) {
        if (strncmp(sqlstate, retryable[i], strlen(retryable[i])) == 0)
            return PG_FAILED_RETRYABLE;
    }
    return PG_FAILED_STATEMENT;
}

void pg_first_line(const char *message, char *out, size_t size)
{
    int length = message ? (int)strcspn(message, "\n") : 0;
    snprintf(out, size, "%.*s", length, message ? message : "");
}

enum pg_failure pg_result_failure(const struct pg_result *result)
{
    return result->failure;
}

const char *pg_result_sqlstate(const struct pg_result *result)
{
    const char *sqlstate = PQresultErrorField(result->rows, PG_DIAG_SQLSTATE);
    return sqlstate ? sqlstate : "";
}

const char *pg_result_message(const struct pg_result *result)
{
    return result->message;
}

int pg_result_rows(const struct pg_result *result)
{
    return result->failure == PG_OK ? PQntuples(result->rows) : 0;
}

const char *pg_result_text(const struct pg_result *result, int row, int column, size_t *ret_length)
{
    if (PQgetisnull(result->rows, row, column))
        return NULL;
    if (ret_length)
        *ret_length = (size_t)PQgetlength(result->rows, row, column);
    return PQgetvalue(result->rows, row, column);
}

int64_t pg_result_i64(const struct pg_result *result, int row, int column, int64_t missing)
{
    const char *text = pg_result_text(result, row, column, NULL);
    return text ? strtoll(text, NULL, 10) : missing;
}

bool pg_result_bool(const struct pg_result *result, int row, int column)
{
    const char *text = pg_result_text(result, row, column, NULL);
    return text && text[0] == 't';
}
