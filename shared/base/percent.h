/* URLs' percent encoding (RFC 3986). */
#ifndef MH_PERCENT_H
#define MH_PERCENT_H

#include <stdbool.h>

/* The byte that the two hexadecimal digits behind a % stand for, or -1. The second is only looked
 * at if the first is one. */
int percent_byte(const char *digits);
/* Decodes %XX in place, and + as space in a query; false for a bad escape. %00 stays: nothing has
 * such a name. */
bool percent_decode(char *text, bool query);

#endif
