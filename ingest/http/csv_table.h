/* Tables as CSV (RFC 4180), read and written by libcsv. */
#ifndef MH_INGEST_CSV_TABLE_H
#define MH_INGEST_CSV_TABLE_H

#include <jansson.h>

#include "ingest/events/arena.h"
#include "shared/base/buffer.h"

#define CSV_MAX_ROWS 5000u
#define CSV_MAX_COLUMNS 50u

/* [{"column":"cell"…}…] by the names in the first line, in lower case; the caller frees it. NULL if
 * it is no such table, with the reason for a reader in *ret_detail, in the arena. */
json_t *csv_table_read(const char *text, size_t length, struct arena *arena,
                       const char **ret_detail);
/* One line per item, all of them objects; members of members become columns `a.b`, and what is
 * deeper, JSON in one cell. No spreadsheet takes a cell for a formula. */
void csv_table_write(const json_t *items, struct buffer *out);

#endif
