#include "ingest/events/event.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *text;
    uint32_t length;
    enum event_type type;
    bool needs_job;
} types[] = {
#define X(name, number, text, needs_job) {text, sizeof(text) - 1, EVENT_##name, needs_job},
    EVENT_TYPE_TABLE(X)
#undef X
};

void event_reject(struct event *event, enum reason reason, const char *field, const char *detail)
{
    if (event->status == EVENT_REJECTED)
        return;
    event->status = EVENT_REJECTED;
    event->reason = reason;
    event->field = field;
    event->detail = detail;
}

int event_type_parse(struct text text, enum event_type *ret_type)
{
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        if (types[i].length == text.length && memcmp(types[i].text, text.bytes, text.length) == 0) {
            *ret_type = types[i].type;
            return 0;
        }
    }
    return -EINVAL;
}

bool event_type_needs_job(enum event_type type)
{
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (types[i].type == type)
            return types[i].needs_job;
    return false;
}
