#include "ingest/events/payload.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define COST_MAX_MICROS 1000000000000 /* a million currency units */

enum member_kind {
    MEMBER_NAME, /* text without control characters, not empty */
    MEMBER_PROSE,
    MEMBER_INTEGER,
    MEMBER_MONEY,
    MEMBER_OBJECT
};

static const struct member {
    const char *name, *field;
    enum member_kind kind;
    size_t offset;   /* into struct event; 0: only checked */
    int64_t minimum; /* of numbers */
    int64_t maximum; /* of numbers; of a text's bytes */
} members[] = {
#define NAME(name, max)                                                                            \
    {                                                                                              \
#name, "data." #name, MEMBER_NAME, offsetof(struct event, name), 0, max                    \
    }
#define PROSE(name, max)                                                                           \
    {                                                                                              \
#name, "data." #name, MEMBER_PROSE, offsetof(struct event, name), 0, max                   \
    }
#define INTEGER(name, min, max)                                                                    \
    {                                                                                              \
#name, "data." #name, MEMBER_INTEGER, offsetof(struct event, name), min, max               \
    }
    NAME(job, 200),
    INTEGER(attempt, 1, 1000),
    NAME(model, 200),
    NAME(entrypoint, 100),
    NAME(project, 200),
    NAME(end_user, 200),
    INTEGER(tokens, 0, 1000000000000),
    INTEGER(units, 0, 1000000000),
    {"cost", "data.cost", MEMBER_MONEY, offsetof(struct event, cost_micros), 0, COST_MAX_MICROS},
    INTEGER(progress, 0, 100),
    NAME(error_class, 100),
    PROSE(error_message, 4096),
    PROSE(prompt, 32768),
    {"settings", "data.settings", MEMBER_OBJECT, 0, 0, 0},
    NAME(asset_url, 2048),
    NAME(lms, 100),
    NAME(external_id, 200),
#undef NAME
#undef PROSE
#undef INTEGER
};

static void *target(struct event *event, const struct member *member)
{
    return (char *)event + member->offset;
}

static bool has_control(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return true;
    return false;
}

static void apply_text(const struct member *member, const struct json_node *value,
                       struct arena *arena, struct event *event)
{
    const char *text = value->string.bytes;
    size_t length = value->string.length;
    if (value->kind != JSON_KIND_STRING)
        event_reject(event, REASON_INVALID, member->field, "must be text");
    else if (length > (size_t)member->maximum)
        event_reject(event, REASON_TOO_LONG, member->field,
                     arena_printf(arena, "at most %lld bytes", (long long)member->maximum));
    else if (member->kind == MEMBER_NAME && (length == 0 || has_control(text, length)))
        event_reject(event, REASON_INVALID, member->field,
                     "must not be empty nor hold control characters");
    else
        *(struct text *)target(event, member) = arena_text(arena, text, length);
}

static void store_number(const struct member *member, int64_t number, struct arena *arena,
                         struct event *event)
{
    if (number < member->minimum || number > member->maximum)
        event_reject(event, REASON_OUT_OF_RANGE, member->field,
                     member->kind == MEMBER_MONEY
                         ? "0 to 1000000"
                         : arena_printf(arena, "%lld to %lld", (long long)member->minimum,
                                        (long long)member->maximum));
    else
        *(int64_t *)target(event, member) = number;
}

static void apply_integer(const struct member *member, const struct json_node *value,
                          struct arena *arena, struct event *event)
{
    bool real = value->kind == JSON_KIND_REAL;
    if (value->kind == JSON_KIND_INTEGER)
        store_number(member, value->integer, arena, event);
    else if (real && value->real == floor(value->real) && fabs(value->real) < 1e15)
        store_number(member, (int64_t)value->real, arena, event);
    else
        event_reject(event, REASON_INVALID, member->field, "must be an integer");
}

/* `12`, `12.5`, `0.000001`: digits, at most six of them behind the point. */
static int money_parse(const char *text, size_t length, int64_t *ret_micros)
{
    int64_t micros = 0;
    int decimals = -1;
    if (length == 0 || length > 18 || text[0] == '.')
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.' && decimals < 0) {
            decimals = 0;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || decimals == 6)
            return -EINVAL;
        micros = micros * 10 + (text[i] - '0'); /* 18 digits at most: no overflow */
        if (decimals >= 0)
            decimals++;
    }
    if (decimals == 0)
        return -EINVAL;
    for (int i = decimals < 0 ? 0 : decimals; i < 6; i++)
        micros = micros > INT64_MAX / 10 ? INT64_MAX : micros * 10;
    *ret_micros = micros;
    return 0;
}

static int money_from_real(double value, int64_t *ret_micros)
{
    double micros = value * 1e6;
    if (!(fabs(micros) < 1e18))
        return -ERANGE;
    /* Six decimals survive a double's rounding up to a billion; a seventh shows. */
    if (fabs(micros - nearbyint(micros)) > 1e-4 * fmax(1.0, fabs(micros) * 1e-9))
        return -EINVAL;
    *ret_micros = (int64_t)nearbyint(micros);
    return 0;
}

static void apply_money(const struct member *member, const struct json_node *value,
                        struct arena *arena, struct event *event)
{
    int64_t micros = -1;
    int error = 0;
    bool integer = value->kind == JSON_KIND_INTEGER;
    if (value->kind == JSON_KIND_STRING)
        error = money_parse(value->string.bytes, value->string.length, &micros);
    else if (integer && value->integer <= COST_MAX_MICROS)
        micros = value->integer < 0 ? -1 : value->integer * 1000000;
    else if (value->kind == JSON_KIND_REAL)
        error = money_from_real(value->real, &micros);
    else if (!integer)
        error = -EINVAL;
    if (error == -EINVAL)
        event_reject(event, REASON_INVALID, member->field,
                     "must be a decimal number with at most 6 decimals");
    else
        store_number(member, micros, arena, event);
}

static void apply_member(const struct member *member, const struct json_node *value,
                         struct arena *arena, struct event *event)
{
    switch (member->kind) {
    case MEMBER_NAME:
    case MEMBER_PROSE:
        apply_text(member, value, arena, event);
        return;
    case MEMBER_INTEGER:
        apply_integer(member, value, arena, event);
        return;
    case MEMBER_MONEY:
        apply_money(member, value, arena, event);
        return;
    case MEMBER_OBJECT:
    default:
        if (value->kind != JSON_KIND_OBJECT)
            event_reject(event, REASON_INVALID, member->field, "must be an object");
    }
}

void payload_apply(const struct json_node *data, struct arena *arena, struct event *event)
{
    event->attempt = 1;
    event->tokens = event->units = event->cost_micros = event->progress = EVENT_NO_NUMBER;
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        const struct json_node *value = json_tree_get(data, members[i].name);
        if (value && value->kind != JSON_KIND_NULL)
            apply_member(&members[i], value, arena, event);
    }
    if (event->status != EVENT_REJECTED && !event->job.bytes && event_type_needs_job(event->type))
        event_reject(event, REASON_MISSING, "data.job", "required for this type");
    event->data = json_tree_write(data, arena);
}
