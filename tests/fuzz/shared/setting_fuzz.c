/* One value for a setting of each type: what is accepted is within its bounds, what is refused
 * leaves the target alone. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/base/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
    char *text;
    int64_t number;
    bool boolean;
};

static const struct setting settings[] = {
    {"text", SETTING_TEXT, offsetof(struct target, text), "", 1, 64, false, true, ""},
    {"integer", SETTING_INTEGER, offsetof(struct target, number), "", -5, 70000, false, false, ""},
    {"bytes", SETTING_BYTES, offsetof(struct target, number), "", 1, INT64_MAX, false, false, ""},
    {"duration", SETTING_DURATION, offsetof(struct target, number), "", 0, 864000000, false, false,
     ""},
    {"boolean", SETTING_BOOLEAN, offsetof(struct target, boolean), "", 0, 0, false, false, ""},
};

static const struct settings_table table = {"fuzz", "", settings, ARRAY_LENGTH(settings)};

static void check(const struct setting *setting, const char *text)
{
    struct target target = {.number = INT64_MIN};
    char range[SETTING_RANGE_SIZE];
    int fault = setting_assign(setting, text, &target);
    setting_describe_range(setting, range);
    bool number = setting->type != SETTING_TEXT && setting->type != SETTING_BOOLEAN;
    if (number && !fault && (target.number < setting->minimum || target.number > setting->maximum))
        abort();
    if ((fault || !number) && target.number != INT64_MIN)
        abort();
    if (setting->type == SETTING_TEXT && !fault && strcmp(target.text, text) != 0)
        abort();
    settings_done(&table, &target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = memory_strndup((const char *)data, size);
    for (size_t i = 0; i < ARRAY_LENGTH(settings); i++)
        check(&settings[i], text);
    free(text);
    return 0;
}
