#include "ingest/events/columns.h"

/* In the order of the function's parameters: name, element type. */
#define COLUMN_TABLE(X)                                                                            \
    X(PARTNER, PG_INT4)                                                                            \
    X(ENVIRONMENT, PG_INT2)                                                                        \
    X(API_KEY, PG_INT4)                                                                            \
    X(SOURCE, PG_TEXT)                                                                             \
    X(EXT_ID, PG_TEXT)                                                                             \
    X(HASH, PG_BYTEA)                                                                              \
    X(TYPE, PG_INT2)                                                                               \
    X(JOB_KEY, PG_TEXT)                                                                            \
    X(ATTEMPT, PG_INT2)                                                                            \
    X(OCCURRED, PG_TIMESTAMPTZ)                                                                    \
    X(HISTORICAL, PG_INT2)                                                                         \
    X(MODEL, PG_TEXT)                                                                              \
    X(ENTRYPOINT, PG_TEXT)                                                                         \
    X(PROJECT, PG_TEXT)                                                                            \
    X(END_USER, PG_TEXT)                                                                           \
    X(TOKENS, PG_INT8)                                                                             \
    X(UNITS, PG_INT4)                                                                              \
    X(COST_MICROS, PG_INT8)                                                                        \
    X(PROGRESS, PG_INT2)                                                                           \
    X(ERROR_CLASS, PG_TEXT)                                                                        \
    X(ERROR_MESSAGE, PG_TEXT)                                                                      \
    X(PROMPT, PG_TEXT)                                                                             \
    X(ASSET_URL, PG_TEXT)                                                                          \
    X(DATA, PG_JSONB)

enum column {
#define X(name, element) COLUMN_##name,
    COLUMN_TABLE(X)
#undef X
        COLUMN_COUNT
};

_Static_assert((int)COLUMN_COUNT == INGEST_COLUMNS, "one array per parameter");

static const enum pg_element elements[] = {
#define X(name, element) element,
    COLUMN_TABLE(X)
#undef X
};

const char *const columns_statement =
    "SELECT channel, epoch, seq, platform_seq, payload, verdicts FROM api.ingest_events("
    "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24)";

void columns_init(struct columns *columns)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        pg_array_init(&columns->arrays[i], elements[i]);
}

void columns_clear(struct columns *columns)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        pg_array_clear(&columns->arrays[i]);
}

static void add_text(struct columns *columns, enum column column, struct text text)
{
    if (text.bytes)
        pg_array_add_bytes(&columns->arrays[column], text.bytes, text.length);
    else
        pg_array_add_null(&columns->arrays[column]);
}

static void add_number(struct columns *columns, enum column column, int64_t number)
{
    if (number != EVENT_NO_NUMBER)
        pg_array_add_int(&columns->arrays[column], number);
    else
        pg_array_add_null(&columns->arrays[column]);
}

void columns_add(struct columns *columns, const struct event_group *group,
                 const struct event *event)
{
    add_number(columns, COLUMN_PARTNER, group->partner_id);
    add_number(columns, COLUMN_ENVIRONMENT, group->environment);
    add_number(columns, COLUMN_API_KEY, group->key_id);
    add_text(columns, COLUMN_SOURCE, event->source);
    add_text(columns, COLUMN_EXT_ID, event->id);
    pg_array_add_bytes(&columns->arrays[COLUMN_HASH], event->hash, sizeof(event->hash));
    add_number(columns, COLUMN_TYPE, event->type);
    add_text(columns, COLUMN_JOB_KEY, event->job);
    add_number(columns, COLUMN_ATTEMPT, event->attempt);
    pg_array_add_time(&columns->arrays[COLUMN_OCCURRED], event->occurred_us);
    add_number(columns, COLUMN_HISTORICAL, event->historical);
    add_text(columns, COLUMN_MODEL, event->model);
    add_text(columns, COLUMN_ENTRYPOINT, event->entrypoint);
    add_text(columns, COLUMN_PROJECT, event->project);
    add_text(columns, COLUMN_END_USER, event->end_user);
    add_number(columns, COLUMN_TOKENS, event->tokens);
    add_number(columns, COLUMN_UNITS, event->units);
    add_number(columns, COLUMN_COST_MICROS, event->cost_micros);
    add_number(columns, COLUMN_PROGRESS, event->progress);
    add_text(columns, COLUMN_ERROR_CLASS, event->error_class);
    add_text(columns, COLUMN_ERROR_MESSAGE, event->error_message);
    add_text(columns, COLUMN_PROMPT, event->prompt);
    add_text(columns, COLUMN_ASSET_URL, event->asset_url);
    add_text(columns, COLUMN_DATA, event->data);
}

void columns_finish(struct columns *columns)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        columns->params[i] = pg_array_param(&columns->arrays[i]);
}

void columns_done(struct columns *columns)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        pg_array_done(&columns->arrays[i]);
}
