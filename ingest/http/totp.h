/* Codes of a second factor (RFC 6238: SHA-1, 6 digits, 30 s), by liboath. */
#ifndef MH_INGEST_TOTP_H
#define MH_INGEST_TOTP_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/base.h"

/* The time step that the code belongs to, if that is the one of `now_s` or one beside it, for
 * clocks that are off; else -EACCES. The caller sees to it that no step counts twice. */
MUST_CHECK int64_t totp_step(const void *secret, size_t length, const char *code, int64_t now_s);

#endif
