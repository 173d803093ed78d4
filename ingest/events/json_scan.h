/* A look at JSON before it is parsed: where the elements of the outer array are. The events of a
 * batch are then parsed one by one, so that one bad event spoils only itself. */
#ifndef MH_INGEST_JSON_SCAN_H
#define MH_INGEST_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/base.h"

struct json_element {
    const char *bytes; /* without surrounding white space */
    size_t length;
};

/* Return non-zero to end the scan; that value is then json_scan_array's. */
typedef int json_element_fn(void *owner, const struct json_element *element);

/* Calls `on_element` for each element of the array. 0, -EINVAL if the text is not an array whose
 * brackets and strings close (the elements themselves are not checked), or on_element's value. */
MUST_CHECK int json_scan_array(const char *text, size_t length, json_element_fn *on_element,
                               void *owner);
/* Whether brackets nest deeper than max_depth anywhere; for parsers that recurse without a limit.
 */
bool json_scan_too_deep(const char *text, size_t length, unsigned max_depth);
/* The text without the white space around it. */
struct json_element json_scan_trim(const char *text, size_t length);

#endif
