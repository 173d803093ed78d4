/* URLs' percent encoding (RFC 3986). */
#ifndef MH_INGEST_HTTP_PERCENT_H
#define MH_INGEST_HTTP_PERCENT_H

#include <stdbool.h>

/* Decodes %XX in place, and + as space in a query; false for a bad escape. %00 stays: nothing has
 * such a name. */
bool http_percent_decode(char *text, bool query);

#endif
