/* Strict reader of RFC 4180 text, in place: fields are NUL-terminated inside the given text.
 * Accepts LF and CRLF. */
#ifndef MH_CSV_H
#define MH_CSV_H

#include <stddef.h>

#include "shared/base/base.h"

struct csv {
    char *next; /* rest of the text; NUL-terminated */
    unsigned line, next_line;
    const char *error; /* after a failure: what is wrong on `line` */
};

/* `text` is changed and must outlive the fields. */
void csv_init(struct csv *csv, char *text);
/* Reads one record, whose number of fields must be `count`. 1, 0 at the end, or -EINVAL. */
MUST_CHECK int csv_read(struct csv *csv, char **fields, size_t count);

#endif
