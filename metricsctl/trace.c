#include "metricsctl/trace.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/command.h"
#include "metricsctl/csv.h"
#include "shared/access/channel_name.h"
#include "shared/base/buffer.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define MIN_SUCCESSES 40

enum column {
    GMT_CREATE,
    PREDICT_TYPE,
    PREDICT_STATUS,
    EXEC_TIME,
    GROUP_ID,
    PROMPT_LENGTH,
    NEGATIVE_PROMPT_LENGTH,
    NUM_IMAGES,
    NUM_STEPS,
    MODEL_VERSION,
    NUM_LORA,
    COLUMN_COUNT
};

static const char *const column_names[COLUMN_COUNT] = {"gmt_create",
                                                       "predict_type",
                                                       "predict_status",
                                                       "exec_time_seconds",
                                                       "groupId",
                                                       "prompt_length",
                                                       "negative_prompt_length",
                                                       "num_images_per_prompt",
                                                       "num_inference_steps",
                                                       "checkpoint_model_version_id",
                                                       "num_lora"};

static char *read_text(const char *path)
{
    struct buffer text = BUFFER_INIT;
    FILE *file = fopen(path, "re");

    if (!file)
        return NULL;
    for (size_t n = 1; n > 0;) {
        n = fread(buffer_reserve(&text, 1 << 20), 1, 1 << 20, file);
        text.length += n;
    }
    int failed = ferror(file);
    fclose(file);
    buffer_append(&text, "", 1);
    if (failed || memchr(text.data, '\0', text.length - 1)) {
        buffer_done(&text);
        errno = failed ? EIO : EINVAL;
        return NULL;
    }
    return text.data;
}

/* `2024-11-15 16:57:50`, which is UTC. */
static int parse_time(const char *text, int64_t *ret_ms)
{
    char rfc3339[32];
    int64_t us;

    if (strlen(text) != 19 || text[10] != ' ')
        return -EINVAL;
    snprintf(rfc3339, sizeof(rfc3339), "%.10sT%sZ", text, text + 11);
    int rc = time_parse_rfc3339(rfc3339, strlen(rfc3339), &us);
    if (rc == 0)
        *ret_ms = us / 1000;
    return rc;
}

static int parse_number(const char *text, double maximum, double *ret_value)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !(value >= 0 && value <= maximum))
        return -EINVAL;
    *ret_value = value;
    return 0;
}

/* An empty field is a number that is not known. */
static int parse_count(const char *text, int *ret_count)
{
    double value = -1;

    if (*text && (parse_number(text, 1e6, &value) != 0 || value != floor(value)))
        return -EINVAL;
    *ret_count = (int)value;
    return 0;
}

static int parse_status(const char *text, enum trace_status *ret_status)
{
    if (strcmp(text, "SUCCEED") == 0)
        *ret_status = TRACE_SUCCEEDED;
    else if (strcmp(text, "FAILED") == 0)
        *ret_status = TRACE_FAILED;
    else if (strcmp(text, "PENDING") == 0 || strcmp(text, "PROCESSING") == 0)
        *ret_status = TRACE_OPEN;
    else
        return -EINVAL;
    return 0;
}

/* 0, or the column that is wrong, plus one. */
static int parse_row(char *const *fields, struct trace_row *row)
{
    double seconds;

    if (parse_time(fields[GMT_CREATE], &row->requested_ms) != 0)
        return GMT_CREATE + 1;
    if (parse_status(fields[PREDICT_STATUS], &row->status) != 0)
        return PREDICT_STATUS + 1;
    if (parse_number(fields[EXEC_TIME], 1e7, &seconds) != 0)
        return EXEC_TIME + 1;
    if (!partner_code_valid(fields[GROUP_ID], strlen(fields[GROUP_ID])))
        return GROUP_ID + 1;
    if (!*fields[PREDICT_TYPE])
        return PREDICT_TYPE + 1;
    if (parse_count(fields[NUM_IMAGES], &row->units) != 0)
        return NUM_IMAGES + 1;
    if (parse_count(fields[NUM_STEPS], &row->steps) != 0)
        return NUM_STEPS + 1;
    if (parse_count(fields[PROMPT_LENGTH], &row->prompt_length) != 0)
        return PROMPT_LENGTH + 1;
    if (parse_count(fields[NUM_LORA], &row->loras) != 0)
        return NUM_LORA + 1;
    row->terminal_ms = row->requested_ms;
    if (row->status != TRACE_OPEN)
        row->terminal_ms += llround(seconds * 1000);
    row->tenant = fields[GROUP_ID];
    row->entrypoint = fields[PREDICT_TYPE];
    row->model = fields[MODEL_VERSION];
    return 0;
}

static void add_row(struct trace *trace, const struct trace_row *row)
{
    if ((trace->row_count & (trace->row_count - 1)) == 0) {
        size_t capacity = trace->row_count ? 2 * trace->row_count : 1;
        trace->rows = memory_realloc(trace->rows, capacity * sizeof(*trace->rows));
    }
    if (trace->row_count == 0 || row->requested_ms < trace->first_ms)
        trace->first_ms = row->requested_ms;
    if (trace->row_count == 0 || row->terminal_ms > trace->last_ms)
        trace->last_ms = row->terminal_ms;
    trace->rows[trace->row_count++] = *row;
}

static int check_header(const char *command, const char *path, char *const *fields)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (strcmp(fields[i], column_names[i]) != 0)
            return command_failed(command, "%s:1: column %zu is '%s' and should be '%s'", path,
                                  i + 1, fields[i], column_names[i]);
    return 0;
}

static int read_rows(const char *command, const char *path, struct trace *trace)
{
    struct csv csv;
    char *fields[COLUMN_COUNT];

    csv_init(&csv, trace->text);
    for (;;) {
        struct trace_row row = {0};
        int rc = csv_read(&csv, fields, COLUMN_COUNT);
        if (rc < 0)
            return command_failed(command, "%s:%u: %s", path, csv.line, csv.error);
        if (rc == 0)
            break;
        if (csv.line == 1) {
            if (check_header(command, path, fields) != 0)
                return EXIT_FAILED;
            continue;
        }
        row.line = csv.line;
        int wrong = parse_row(fields, &row);
        if (wrong)
            return command_failed(command, "%s:%u: '%s' is no %s", path, csv.line,
                                  fields[wrong - 1], column_names[wrong - 1]);
        add_row(trace, &row);
    }
    return trace->row_count ? 0 : command_failed(command, "%s: there are no rows", path);
}

struct tenant_row {
    const char *tenant;
    bool succeeded;
};

static int by_tenant(const void *a, const void *b)
{
    const struct tenant_row *left = a, *right = b;

    return strcmp(left->tenant, right->tenant);
}

static int by_successes(const void *a, const void *b)
{
    const struct trace_partner *left = a, *right = b;

    if (left->succeeded != right->succeeded)
        return left->succeeded > right->succeeded ? -1 : 1;
    return strcmp(left->code, right->code);
}

static int by_code(const void *a, const void *b)
{
    const struct trace_partner *left = a, *right = b;

    return strcmp(left->code, right->code);
}

/* One entry per tenant with its successes, in the order of their codes. */
static size_t count_tenants(const struct trace *trace, struct trace_partner *tenants)
{
    struct tenant_row *rows = memory_array(trace->row_count, sizeof(*rows));
    size_t count = 0;

    for (size_t i = 0; i < trace->row_count; i++)
        rows[i] =
            (struct tenant_row){trace->rows[i].tenant, trace->rows[i].status == TRACE_SUCCEEDED};
    qsort(rows, trace->row_count, sizeof(*rows), by_tenant);
    for (size_t i = 0; i < trace->row_count; i++) {
        if (count == 0 || strcmp(tenants[count - 1].code, rows[i].tenant) != 0)
            tenants[count++] = (struct trace_partner){.code = rows[i].tenant};
        tenants[count - 1].succeeded += rows[i].succeeded;
    }
    free(rows);
    return count;
}

/* Leaves the chosen tenants in the order of their codes, for bsearch, and TRACE_OTHER last. */
static void pick_partners(struct trace *trace, size_t top)
{
    struct trace_partner *tenants = memory_array(trace->row_count + 1, sizeof(*tenants));
    size_t count = count_tenants(trace, tenants), chosen = 0;

    qsort(tenants, count, sizeof(*tenants), by_successes);
    while (chosen < count && (top ? chosen < top : tenants[chosen].succeeded >= MIN_SUCCESSES))
        chosen++;
    qsort(tenants, chosen, sizeof(*tenants), by_code);
    if (chosen < count)
        tenants[chosen++] = (struct trace_partner){.code = TRACE_OTHER};
    trace->partners = tenants;
    trace->partner_count = chosen;
}

int trace_load(const char *command, const char *path, size_t top, struct trace *ret_trace)
{
    struct trace trace = {.text = read_text(path)};

    if (!trace.text)
        return command_failed(command, "cannot read %s: %s", path, strerror(errno));
    int rc = read_rows(command, path, &trace);
    if (rc) {
        trace_done(&trace);
        return rc;
    }
    pick_partners(&trace, top);
    *ret_trace = trace;
    return 0;
}

void trace_done(struct trace *trace)
{
    free(trace->text);
    free(trace->rows);
    free(trace->partners);
    *trace = (struct trace){0};
}

size_t trace_partner_of(const struct trace *trace, const struct trace_row *row)
{
    const struct trace_partner key = {.code = row->tenant};
    const struct trace_partner *last = &trace->partners[trace->partner_count - 1];
    size_t named = trace->partner_count - (strcmp(last->code, TRACE_OTHER) == 0);
    const struct trace_partner *found = bsearch(&key, trace->partners, named, sizeof(key), by_code);

    return found ? (size_t)(found - trace->partners) : trace->partner_count - 1;
}
