/* Tables as CSV. What is read must be fit for Postgres, and no cell of what is written from it may
 * begin a formula. */
#include <csv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/csv_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void on_cell(void *cell, size_t length, void *owner)
{
    (void)owner;
    require(length == 0 || !strchr("=+-@\t\r", *(const char *)cell));
}

static void on_line(int end, void *owner)
{
    (void)end;
    ++*(size_t *)owner;
}

static void check_written(const json_t *rows)
{
    struct csv_parser parser;
    struct buffer out = BUFFER_INIT;
    size_t lines = 0;
    csv_table_write(rows, &out);
    require(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) == 0);
    require(csv_parse(&parser, out.data, out.length, on_cell, on_line, &lines) == out.length);
    require(csv_fini(&parser, on_cell, on_line, &lines) == 0);
    require(json_array_size(rows) == 0 || lines == json_array_size(rows) + 1);
    csv_free(&parser);
    buffer_done(&out);
}

static void check_rows(const json_t *rows)
{
    size_t index;
    json_t *row, *cell;
    const char *name;
    require(json_array_size(rows) <= CSV_MAX_ROWS);
    json_array_foreach(rows, index, row)
    {
        require(json_object_size(row) <= CSV_MAX_COLUMNS);
        json_object_foreach(row, name, cell)
            require(json_string_length(cell) == strlen(json_string_value(cell)));
    }
    check_written(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    const char *detail = NULL;
    json_t *rows = csv_table_read((const char *)data, size, &arena, &detail);
    if (rows)
        check_rows(rows);
    else
        require(detail != NULL);
    json_decref(rows);
    arena_done(&arena);
    return 0;
}
