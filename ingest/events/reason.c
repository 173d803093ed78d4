#include "ingest/events/reason.h"

static const struct {
    const char *text, *title;
    int status;
} reasons[] = {
#define X(name, text, status, title) {text, title, status},
    REASON_TABLE(X)
#undef X
};

const char *reason_text(enum reason reason)
{
    return reasons[reason].text;
}

const char *reason_title(enum reason reason)
{
    return reasons[reason].title;
}

int reason_status(enum reason reason)
{
    return reasons[reason].status;
}
