/* The parameters of api.ingest_events: one binary array per column, filled event by event and
 * reused from batch to batch. */
#ifndef MH_INGEST_COLUMNS_H
#define MH_INGEST_COLUMNS_H

#include "ingest/events/batcher.h"
#include "shared/postgres/pg_array.h"

#define INGEST_COLUMNS 24

struct columns {
    struct pg_array arrays[INGEST_COLUMNS];
    struct pg_param params[INGEST_COLUMNS];
};

extern const char *const columns_statement;

void columns_init(struct columns *columns);
void columns_clear(struct columns *columns);
void columns_add(struct columns *columns, const struct event_group *group,
                 const struct event *event);
/* Makes `params` ready. */
void columns_finish(struct columns *columns);
void columns_done(struct columns *columns);

#endif
