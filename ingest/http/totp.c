#include "ingest/http/totp.h"

#include <errno.h>
#include <liboath/oath.h>
#include <stdbool.h>
#include <string.h>

#define DIGITS 6u
#define WINDOW 1u

int64_t totp_step(const void *secret, size_t length, const char *code, int64_t now_s)
{
    static bool ready;
    uint64_t step = 0;
    ready = ready || oath_init() == OATH_OK;
    if (!ready)
        return -EACCES;
    if (strlen(code) != DIGITS || strspn(code, "0123456789") != DIGITS)
        return -EACCES;
    int found = oath_totp_validate4(secret, length, (time_t)now_s, OATH_TOTP_DEFAULT_TIME_STEP_SIZE,
                                    OATH_TOTP_DEFAULT_START_TIME, WINDOW, NULL, &step, 0, code);
    return found < 0 ? -EACCES : (int64_t)step;
}
