/* Clocks and RFC 3339. Wall-clock values are microseconds (`_us`) or milliseconds (`_ms`) since the
 * Unix epoch, UTC; monotonic values only make sense as differences. */
#ifndef MH_TIME_H
#define MH_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/base.h"

int64_t time_wall_us(void);
int64_t time_wall_ms(void);
int64_t time_monotonic_us(void);

/* Parses an RFC 3339 timestamp (any offset, up to nanoseconds, truncated to us; a leap second
 * counts as :59.999999). 0, or -EINVAL and *ret_us untouched. */
MUST_CHECK int time_parse_rfc3339(const char *text, size_t length, int64_t *ret_us);

#define TIME_RFC3339_SIZE sizeof("2026-11-21T12:00:00.000000Z")
/* Always UTC with six digits, NUL-terminated; valid for years 1 to 9999. */
void time_format_rfc3339(int64_t us, char out[TIME_RFC3339_SIZE]);

#endif
