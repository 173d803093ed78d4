#include "ingest/http/csv_table.h"

#include <csv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading --------------------------------------------------------------------------------- */

struct reader {
    struct arena *arena;
    json_t *rows, *row;
    const char *columns[CSV_MAX_COLUMNS];
    size_t column_count, column;
    bool in_head;
    const char *detail; /* why it is refused */
};

static void reader_fail(struct reader *reader, const char *detail)
{
    if (!reader->detail)
        reader->detail =
            arena_printf(reader->arena, "row %zu: %s", json_array_size(reader->rows) + 1, detail);
}

static void add_column(struct reader *reader, const char *cell, size_t length)
{
    char *name = (char *)(uintptr_t)arena_text(reader->arena, cell, length).bytes;
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    if (reader->column_count == CSV_MAX_COLUMNS || !*name) {
        reader->detail = *name ? "too many columns" : "a column has no name";
        return;
    }
    for (size_t i = 0; i < reader->column_count; i++)
        if (strcmp(reader->columns[i], name) == 0)
            reader->detail = "a column stands twice";
    reader->columns[reader->column_count++] = name;
}

static void on_cell(void *cell, size_t length, void *owner)
{
    struct reader *reader = owner;
    const char *text = cell ? cell : "";
    if (reader->detail)
        return;
    json_t *value = memchr(text, '\0', length) ? NULL : json_stringn(text, length);
    if (!value) {
        reader_fail(reader, "not UTF-8");
    } else if (reader->in_head) {
        add_column(reader, text, length);
    } else if (reader->column == reader->column_count) {
        reader_fail(reader, "more cells than columns");
    } else {
        json_object_set(reader->row, reader->columns[reader->column++], value);
    }
    json_decref(value);
}

static void on_line(int end, void *owner)
{
    struct reader *reader = owner;
    (void)end;
    if (reader->detail)
        return;
    if (reader->in_head) {
        reader->in_head = false;
    } else if (json_array_size(reader->rows) == CSV_MAX_ROWS) {
        reader_fail(reader, arena_printf(reader->arena, "at most %u rows", CSV_MAX_ROWS));
    } else {
        json_array_append_new(reader->rows, reader->row);
        reader->row = json_object();
        reader->column = 0;
    }
}

static void read_all(struct reader *reader, const char *text, size_t length)
{
    struct csv_parser parser;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL)) {
        reader->detail = "cannot be read now";
        return;
    }
    if (csv_parse(&parser, text, length, on_cell, on_line, reader) != length ||
        csv_fini(&parser, on_cell, on_line, reader))
        reader_fail(reader, "not CSV: quotes stand around a whole cell, and twice in it");
    csv_free(&parser);
}

json_t *csv_table_read(const char *text, size_t length, struct arena *arena,
                       const char **ret_detail)
{
    static const char mark[] = "\xef\xbb\xbf"; /* that spreadsheets put before UTF-8 */
    struct reader reader = {
        .arena = arena, .rows = json_array(), .row = json_object(), .in_head = true};
    size_t skipped = length >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
    if (length > skipped)
        read_all(&reader, text + skipped, length - skipped);
    if (!reader.detail && reader.in_head)
        reader.detail = "the first line must name the columns";
    json_decref(reader.row);
    if (!reader.detail)
        return reader.rows;
    *ret_detail = reader.detail;
    json_decref(reader.rows);
    return NULL;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_cell(struct buffer *out, const char *text, size_t length, bool first)
{
    static const char separator[] = ",";
    buffer_append(out, separator, first ? 0 : 1);
    char *at = buffer_reserve(out, 2 * length + 2);
    out->length += csv_write(at, 2 * length + 2, text, length);
}

/* What a spreadsheet would take for a formula gets an apostrophe before it. */
static void write_text(struct buffer *out, const char *text, size_t length, bool first)
{
    struct buffer safe = BUFFER_INIT;
    if (length == 0 || !strchr("=+-@\t\r\n", text[0])) {
        write_cell(out, text, length, first);
        return;
    }
    buffer_append(&safe, "'", 1);
    buffer_append(&safe, text, length);
    write_cell(out, safe.data, safe.length, first);
    buffer_done(&safe);
}

static void write_value(struct buffer *out, const json_t *value, bool first)
{
    if (!value || json_is_null(value)) {
        write_cell(out, "", 0, first);
    } else if (json_is_string(value)) {
        write_text(out, json_string_value(value), json_string_length(value), first);
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        write_cell(out, text ? text : "", text ? strlen(text) : 0, first);
        free(text);
    }
}

/* `flat` gets the object's members, those of members as `a.b`. */
static void flatten(json_t *flat, json_t *object)
{
    const char *name, *inner_name;
    json_t *value, *inner;
    json_object_foreach(object, name, value)
    {
        if (!json_is_object(value))
            json_object_set(flat, name, value);
        json_object_foreach(value, inner_name, inner)
        {
            struct buffer path = BUFFER_INIT;
            buffer_printf(&path, "%s.%s", name, inner_name);
            buffer_append(&path, "", 1);
            json_object_set(flat, path.data, inner);
            buffer_done(&path);
        }
    }
}

static void write_head(struct buffer *out, const json_t *columns)
{
    const char *name;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)columns, name, value)
    {
        write_text(out, name, strlen(name), first);
        first = false;
    }
    buffer_append(out, "\r\n", 2);
}

static void write_row(struct buffer *out, const json_t *columns, const json_t *row)
{
    const char *name;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)columns, name, value)
    {
        write_value(out, json_object_get(row, name), first);
        first = false;
    }
    buffer_append(out, "\r\n", 2);
}

void csv_table_write(const json_t *items, struct buffer *out)
{
    size_t index;
    json_t *item, *rows = json_array(), *columns = json_object();
    json_array_foreach(items, index, item)
    {
        json_t *flat = json_object();
        flatten(flat, item);
        json_object_update(columns, flat);
        json_array_append_new(rows, flat);
    }
    write_head(out, columns);
    json_array_foreach(rows, index, item) write_row(out, columns, item);
    json_decref(rows);
    json_decref(columns);
}
