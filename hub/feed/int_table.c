#include "hub/feed/int_table.h"

#include <errno.h>
#include <stdlib.h>

#include "shared/base/memory.h"

static int read_row(const json_t *row, size_t columns, int64_t *out)
{
    if (!json_is_array(row) || json_array_size(row) < columns)
        return -EINVAL;
    for (size_t i = 0; i < columns; i++) {
        const json_t *cell = json_array_get(row, i);
        if (!json_is_integer(cell))
            return -EINVAL;
        int64_t value = json_integer_value(cell);
        if (value > INT_TABLE_LIMIT || value < -INT_TABLE_LIMIT)
            return -EINVAL;
        out[i] = value;
    }
    return 0;
}

int int_table_read(const json_t *array, size_t columns, struct int_table *ret)
{
    if (array && !json_is_array(array))
        return -EINVAL;
    size_t rows = json_array_size(array);
    if (rows > INT_TABLE_MAX_ROWS)
        return -EINVAL;
    int64_t *cells = rows ? memory_array(rows * columns, sizeof(*cells)) : NULL;
    for (size_t i = 0; i < rows; i++) {
        int error = read_row(json_array_get(array, i), columns, cells + i * columns);
        if (error) {
            free(cells);
            return error;
        }
    }
    *ret = (struct int_table){.rows = rows, .columns = columns, .cells = cells};
    return 0;
}

void int_table_done(struct int_table *table)
{
    free(table->cells);
    *table = (struct int_table){0};
}
