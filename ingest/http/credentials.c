#include "ingest/http/credentials.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "ingest/http/totp.h"
#include "shared/base/time.h"

enum column { USER, PASSWORD, SECRET, LAST_STEP };

static const char *copy(const struct pg_result *result, int column, struct arena *arena)
{
    size_t length = 0;
    const char *text = pg_result_text(result, 0, column, &length);
    return text ? arena_text(arena, text, length).bytes : NULL;
}

bool credentials_read(const struct pg_result *result, struct arena *arena,
                      struct credentials *ret_credentials)
{
    struct credentials *out = ret_credentials;
    size_t length = 0;
    memset(out, 0, sizeof(*out));
    out->user = "";
    if (pg_result_rows(result) == 0)
        return false;
    out->user = copy(result, USER, arena);
    out->password_hash = copy(result, PASSWORD, arena);
    out->totp_last_step = pg_result_i64(result, 0, LAST_STEP, -1);
    const char *secret = pg_result_text(result, 0, SECRET, &length);
    if (secret && sodium_hex2bin(out->totp_secret, sizeof(out->totp_secret), secret, length, NULL,
                                 &out->totp_length, NULL))
        out->totp_length = 0;
    return true;
}

int64_t credentials_code_step(const struct credentials *credentials, const char *code)
{
    if (!credentials->totp_length)
        return -EACCES;
    int64_t step =
        totp_step(credentials->totp_secret, credentials->totp_length, code, time_wall_ms() / 1000);
    return step > credentials->totp_last_step ? step : -EACCES;
}
