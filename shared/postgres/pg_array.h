/* Builds a one-dimensional Postgres array in binary form, for statements of the form
 * `... FROM unnest($1::int[], $2::text[])`. Reused from batch to batch. */
#ifndef MH_PG_ARRAY_H
#define MH_PG_ARRAY_H

#include "shared/base/buffer.h"
#include "shared/postgres/pg_link.h"

/* Element type OIDs and those of their arrays. */
enum pg_element { PG_INT2, PG_INT4, PG_INT8, PG_TEXT, PG_BYTEA, PG_JSONB, PG_TIMESTAMPTZ };

struct pg_array {
    enum pg_element element;
    uint32_t count;
    bool has_null;
    struct buffer bytes;
};

void pg_array_init(struct pg_array *array, enum pg_element element);
void pg_array_add_null(struct pg_array *array);
void pg_array_add_int(struct pg_array *array, int64_t value); /* INT2, INT4, INT8 */
void pg_array_add_bytes(struct pg_array *array, const void *bytes, size_t length); /* TEXT, BYTEA,
                                                                                    JSONB */
void pg_array_add_time(struct pg_array *array, int64_t unix_us);
/* Finishes the header; the parameter borrows the array until it is cleared. */
struct pg_param pg_array_param(struct pg_array *array);
void pg_array_clear(struct pg_array *array);
void pg_array_done(struct pg_array *array);

#endif
