/* What the files of this folder share; nobody else includes it. */
#ifndef MH_PG_INTERNAL_H
#define MH_PG_INTERNAL_H

#include <libpq-fe.h>

#include "shared/postgres/pg_link.h"

struct pg_result {
    enum pg_failure failure;
    PGresult *rows; /* NULL if the connection ended without an answer */
    char message[256];
};

/* By SQLSTATE; PG_OK for a result that is no error. */
enum pg_failure pg_result_classify(const PGresult *rows);
/* Copies the first line of a message of libpq. */
void pg_first_line(const char *message, char *out, size_t size);

#endif
