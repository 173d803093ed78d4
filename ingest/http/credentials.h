/* What a person's proof of who he is is compared with, as api.password_of() and
 * api.credentials_of() tell it. */
#ifndef MH_INGEST_CREDENTIALS_H
#define MH_INGEST_CREDENTIALS_H

#include <stdbool.h>

#include "ingest/events/arena.h"
#include "shared/postgres/pg_link.h"

struct credentials {
    const char *user;          /* public id; in the arena */
    const char *password_hash; /* in the arena; NULL: none */
    unsigned char totp_secret[64];
    size_t totp_length; /* 0: none */
    int64_t totp_last_step;
};

/* The columns that credentials_read() reads, in its order. */
#define CREDENTIALS_COLUMNS "user_id, password_hash, encode(totp_secret, 'hex'), totp_last_step"
#define CREDENTIALS_COLUMN_COUNT 4

/* False if there is no row: then nobody's, with an empty user. */
bool credentials_read(const struct pg_result *result, struct arena *arena,
                      struct credentials *ret_credentials);
/* The time step whose code it is, or -EACCES: it is wrong or was used. */
MUST_CHECK int64_t credentials_code_step(const struct credentials *credentials, const char *code);

#endif
