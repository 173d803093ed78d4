/* Recorded image-generation requests: the CSV of alibaba/clusterdata, cluster-trace-v2026-GenAI
 * (lora_request_trace.csv; for research or study; cite its SoCC'25 paper). The trace knows when a
 * request was made, how long it ran and how it ended, and nothing in between. */
#ifndef MH_TRACE_H
#define MH_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/base.h"

#define TRACE_OTHER "OTHER" /* partner of the tenants that have none of their own */

enum trace_status { TRACE_SUCCEEDED, TRACE_FAILED, TRACE_OPEN };

struct trace_row {
    unsigned line; /* in the file; tells apart rows that are otherwise the same */
    enum trace_status status;
    int64_t requested_ms, terminal_ms;       /* terminal: equal to requested if open */
    const char *tenant, *entrypoint, *model; /* model may be "" */
    int units, steps, prompt_length, loras;  /* -1: not known */
};

struct trace_partner {
    const char *code; /* a tenant, or TRACE_OTHER */
    unsigned succeeded;
};

struct trace {
    char *text;
    struct trace_row *rows;
    size_t row_count;
    int64_t first_ms, last_ms;
    struct trace_partner *partners; /* by code, TRACE_OTHER last if there are other tenants */
    size_t partner_count;
};

/* Reads the file and picks the partners: the `top` tenants with most successes, or with top = 0
 * all that have at least 40. 0, or EXIT_FAILED after an error line that names the line. */
MUST_CHECK int trace_load(const char *command, const char *path, size_t top,
                          struct trace *ret_trace);
void trace_done(struct trace *trace);
/* Index of the row's partner. */
size_t trace_partner_of(const struct trace *trace, const struct trace_row *row);

#endif
