#include "metricsctl/csv.h"

#include <errno.h>
#include <string.h>

void csv_init(struct csv *csv, char *text)
{
    csv->next = text;
    csv->line = 0;
    csv->next_line = 1;
    csv->error = NULL;
}

static int fail(struct csv *csv, const char *error)
{
    csv->error = error;
    return -EINVAL;
}

/* Unquotes in place; returns the first byte after the closing quote, or NULL. */
static char *read_quoted(struct csv *csv, char *text, char **ret_field)
{
    char *out = text + 1;

    *ret_field = out;
    for (char *in = out; *in; in++) {
        if (*in == '\n')
            csv->next_line++;
        if (*in != '"') {
            *out++ = *in;
        } else if (in[1] == '"') {
            *out++ = *in++;
        } else {
            *out = '\0';
            return in + 1;
        }
    }
    return NULL;
}

/* Ends the field at `end`, where a separator must be. 1: another field follows, 0: end of record.
 */
static int end_field(struct csv *csv, char *end)
{
    char separator = *end;

    if (separator == '\r' && end[1] == '\n')
        csv->next = end + 2;
    else if (separator == ',' || separator == '\n')
        csv->next = end + 1;
    else if (separator == '\0')
        csv->next = end;
    else
        return fail(csv, "text after a closing quote, or a stray quote or carriage return");
    *end = '\0';
    if (separator != ',')
        csv->next_line++;
    return separator == ',';
}

int csv_read(struct csv *csv, char **fields, size_t count)
{
    size_t n = 0;
    int more = 1;

    csv->line = csv->next_line;
    if (!*csv->next)
        return 0;
    while (more == 1) {
        char *end;
        if (n == count)
            return fail(csv, "too many fields");
        if (*csv->next == '"') {
            end = read_quoted(csv, csv->next, &fields[n]);
            if (!end)
                return fail(csv, "a quoted field does not end");
        } else {
            fields[n] = csv->next;
            end = csv->next + strcspn(csv->next, ",\"\r\n");
        }
        n++;
        more = end_field(csv, end);
    }
    if (more < 0)
        return more;
    return n == count ? 1 : fail(csv, "too few fields");
}
