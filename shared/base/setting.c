#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/base/settings.h"

struct unit {
    const char *suffix;
    int64_t factor;
};

/* Largest first; the last one is what a bare number means in the text form. */
static const struct unit size_units[] = {{"M", 1 << 20}, {"k", 1 << 10}, {"", 1}};
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {"", 1000},
};
static const struct unit plain_units[] = {{"", 1}};

static const struct unit *units_of(enum setting_type type, size_t *ret_count)
{
    switch (type) {
    case SETTING_BYTES:
        *ret_count = ARRAY_LENGTH(size_units);
        return size_units;
    case SETTING_DURATION:
        *ret_count = ARRAY_LENGTH(duration_units);
        return duration_units;
    default:
        *ret_count = ARRAY_LENGTH(plain_units);
        return plain_units;
    }
}

/* Digits with an optional minus; *text is moved behind them. */
static int take_integer(const char **text, int64_t *ret_value)
{
    const char *at = *text;
    int negative = *at == '-';
    int64_t value = 0;
    at += negative;
    if (*at < '0' || *at > '9')
        return -EINVAL;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return -EINVAL;
    }
    *text = at;
    *ret_value = negative ? -value : value;
    return 0;
}

static int parse_number(enum setting_type type, const char *text, int64_t *ret_value)
{
    int64_t value;
    size_t count;
    const struct unit *units = units_of(type, &count);
    if (take_integer(&text, &value))
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, units[i].suffix) == 0)
            return __builtin_mul_overflow(value, units[i].factor, ret_value) ? -EINVAL : 0;
    }
    return -EINVAL;
}

static int within(const struct setting *setting, int64_t value)
{
    if (setting->minimum == 0 && setting->maximum == 0)
        return 1;
    return value >= setting->minimum && value <= setting->maximum;
}

static int assign_text(const struct setting *setting, const char *text, char **target)
{
    if (!within(setting, (int64_t)strlen(text)))
        return -EINVAL;
    char *copy = memory_strdup(text);
    if (setting->secret && *target)
        secret_free(*target, strlen(*target));
    else
        free(*target);
    *target = copy;
    return 0;
}

static int assign_boolean(const char *text, bool *target)
{
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
        return -EINVAL;
    *target = strcmp(text, "on") == 0;
    return 0;
}

int setting_assign(const struct setting *setting, const char *text, void *target)
{
    void *field = (char *)target + setting->offset;
    if (setting->type == SETTING_TEXT)
        return assign_text(setting, text, field);
    if (setting->type == SETTING_BOOLEAN)
        return assign_boolean(text, field);
    int64_t value;
    if (parse_number(setting->type, text, &value) || !within(setting, value))
        return -EINVAL;
    *(int64_t *)field = value;
    return 0;
}

#define NUMBER_SIZE 32

/* In the largest unit that loses nothing. */
static void format_number(enum setting_type type, int64_t value, char out[NUMBER_SIZE])
{
    size_t count;
    const struct unit *units = units_of(type, &count);
    size_t i = 0;
    while (i + 1 < count && *units[i].suffix && (value == 0 || value % units[i].factor))
        i++;
    if (value == 0)
        snprintf(out, NUMBER_SIZE, "0");
    else
        snprintf(out, NUMBER_SIZE, "%lld%s", (long long)(value / units[i].factor), units[i].suffix);
}

static const char *noun(enum setting_type type)
{
    switch (type) {
    case SETTING_TEXT:
        return "text";
    case SETTING_INTEGER:
        return "a whole number";
    case SETTING_BYTES:
        return "a size (k, M)";
    case SETTING_DURATION:
        return "a duration (ms, s, m, h, d)";
    case SETTING_BOOLEAN:
        return "on or off";
    }
    return "";
}

void setting_describe_range(const struct setting *setting, char out[SETTING_RANGE_SIZE])
{
    char low[NUMBER_SIZE], high[NUMBER_SIZE];
    bool bounded = setting->minimum != 0 || setting->maximum != 0;
    if (!bounded || setting->type == SETTING_BOOLEAN) {
        snprintf(out, SETTING_RANGE_SIZE, "%s", noun(setting->type));
        return;
    }
    format_number(setting->type, setting->minimum, low);
    format_number(setting->type, setting->maximum, high);
    if (setting->maximum == INT64_MAX)
        snprintf(out, SETTING_RANGE_SIZE, "%s, at least %s", noun(setting->type), low);
    else if (setting->type == SETTING_TEXT)
        snprintf(out, SETTING_RANGE_SIZE, "text of %s to %s characters", low, high);
    else
        snprintf(out, SETTING_RANGE_SIZE, "%s from %s to %s", noun(setting->type), low, high);
}
