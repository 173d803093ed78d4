#include <string.h>

#include "shared/base/settings.h"

#define HELP_INDENT 8
#define HELP_WIDTH 80

static const char *placeholder(enum setting_type type)
{
    switch (type) {
    case SETTING_TEXT:
        return "TEXT";
    case SETTING_INTEGER:
        return "N";
    case SETTING_BYTES:
        return "SIZE";
    case SETTING_DURATION:
        return "DURATION";
    case SETTING_BOOLEAN:
        return "on|off";
    }
    return "";
}

/* Word by word, each line indented and at most HELP_WIDTH wide. */
static void print_wrapped(FILE *out, const char *text)
{
    int column = 0;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column && column + 1 + length > HELP_WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        if (column)
            column += fprintf(out, " %.*s", length, text);
        else
            column = fprintf(out, "%*s%.*s", HELP_INDENT, "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_setting(FILE *out, const struct setting *setting)
{
    fputs("  --", out);
    for (const char *p = setting->name; *p; p++)
        fputc(*p == '_' ? '-' : *p, out);
    fprintf(out, " %s\n", placeholder(setting->type));
    print_wrapped(out, setting->help);

    char range[SETTING_RANGE_SIZE];
    char text[SETTING_RANGE_SIZE + 512];
    setting_describe_range(setting, range);
    const char *value = setting->default_value;
    const char *reload = setting->reloadable ? "; reloaded on SIGHUP" : "";
    if (!value)
        snprintf(text, sizeof(text), "(%s; required%s)", range, reload);
    else if (setting->secret)
        snprintf(text, sizeof(text), "(%s%s)", range, reload);
    else
        snprintf(text, sizeof(text), "(%s; default %s%s)", range, *value ? value : "none", reload);
    print_wrapped(out, text);
}

void settings_print_help(const struct settings_table *table, FILE *out)
{
    fprintf(out, "%s\n\nUsage: %s [--config FILE] [--SETTING VALUE]...\n\n", table->summary,
            table->program);
    fputs("  --config FILE\n", out);
    print_wrapped(out, "INI file of settings: name = value, with _ for - in names. Keys before any "
                       "section or in the program's own section count; the command line wins over "
                       "the file.");
    fputs("  --help\n", out);
    print_wrapped(out, "Show this text.");
    for (size_t i = 0; i < table->count; i++)
        print_setting(out, &table->settings[i]);
}
