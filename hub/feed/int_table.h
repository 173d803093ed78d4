/* A rectangle of integers read from JSON (`[[a,b,…],…]`): the form of every numeric member of a
 * feed payload and of a metrics snapshot. Owned by whoever declares it; no loop, no state. */
#ifndef MH_HUB_INT_TABLE_H
#define MH_HUB_INT_TABLE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/base.h"

/* Beyond this an integer is no longer exact in JavaScript, and sums could overflow. */
#define INT_TABLE_LIMIT (INT64_C(1) << 53)
#define INT_TABLE_MAX_ROWS (1u << 20)

struct int_table {
    size_t rows, columns;
    int64_t *cells;
};

/* `array` may be NULL (no rows). Longer rows are cut to `columns`, so that a newer writer may add
 * some. 0, or -EINVAL (wrong shape, not integers, out of bounds) with *ret untouched. */
MUST_CHECK int int_table_read(const json_t *array, size_t columns, struct int_table *ret);
static inline const int64_t *int_table_row(const struct int_table *table, size_t row)
{
    return table->cells + row * table->columns;
}
void int_table_done(struct int_table *table);

#endif
