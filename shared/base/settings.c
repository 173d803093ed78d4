#include "shared/base/settings.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shared/base/memory.h"

struct loader {
    const struct settings_table *table;
    void *target;
    const char *file;    /* --config, or NULL */
    bool *given;         /* per setting */
    bool secret_in_file; /* a secret setting stood in the file */
    bool failed;         /* one line has been written */
};

static void PRINTF_LIKE(2, 3) fail(struct loader *loader, const char *format, ...)
{
    if (loader->failed)
        return;
    loader->failed = true;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", loader->table->program);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* `name` may use - for _, as on the command line. */
static const struct setting *find(const struct settings_table *table, const char *name,
                                  size_t length)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *candidate = table->settings[i].name;
        if (strlen(candidate) != length)
            continue;
        size_t at = 0;
        while (at < length &&
               (candidate[at] == name[at] || (candidate[at] == '_' && name[at] == '-')))
            at++;
        if (at == length)
            return &table->settings[i];
    }
    return NULL;
}

static void assign(struct loader *loader, const struct setting *setting, const char *where,
                   const char *value)
{
    if (setting_assign(setting, value, loader->target) == 0) {
        loader->given[setting - loader->table->settings] = true;
        return;
    }
    char range[SETTING_RANGE_SIZE];
    setting_describe_range(setting, range);
    fail(loader, "%s%s: '%s' is not accepted; %s is", where, setting->name,
         setting->secret ? "…" : value, range);
}

static void assign_defaults(struct loader *loader)
{
    for (size_t i = 0; i < loader->table->count; i++) {
        const struct setting *setting = &loader->table->settings[i];
        if (setting->default_value)
            assign(loader, setting, "default of ", setting->default_value);
    }
}

static int on_ini_entry(void *owner, const char *section, const char *name, const char *value)
{
    struct loader *loader = owner;
    if (*section && strcmp(section, loader->table->program) != 0)
        return 1;
    const struct setting *setting = find(loader->table, name, strlen(name));
    if (!setting) {
        fail(loader, "%s: unknown setting '%s'", loader->file, name);
        return 0;
    }
    if (setting->secret)
        loader->secret_in_file = true;
    assign(loader, setting, "", value);
    return !loader->failed;
}

/* Debian's inih has these as variables; elsewhere its build-time choices hold. */
static void set_up_inih(void)
{
#ifdef MH_INIH_VARIABLES
    ini_use_stack = false;
    ini_max_line = 4096;
    ini_initial_alloc = 4096;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false; /* a password may hold a semicolon */
    ini_stop_on_first_error = true;
#endif
}

static void read_file(struct loader *loader)
{
    struct stat status;
    FILE *file = fopen(loader->file, "re");
    if (!file) {
        fail(loader, "%s: %s", loader->file, strerror(errno));
        return;
    }
    set_up_inih();
    int line = ini_parse_file(file, on_ini_entry, loader);
    if (line)
        fail(loader, "%s:%d: not 'name = value' or too long", loader->file, line);
    if (fstat(fileno(file), &status) == 0 && loader->secret_in_file &&
        (status.st_mode & (S_IRWXG | S_IRWXO)))
        fail(loader, "%s holds a secret but others may read it: chmod 600 it", loader->file);
    fclose(file);
}

/* One option of the command line: its name without the dashes and its value. */
struct option {
    const char *name, *value;
    size_t name_length;
};

/* Reads argv[*index] and, for `--name value`, the next one. False: not an option, or no value. */
static bool take_option(int argc, char **argv, int *index, struct option *ret_option)
{
    const char *text = argv[*index];
    if (!text || strncmp(text, "--", 2) != 0)
        return false;
    const char *equals = strchr(text, '=');
    ret_option->name = text + 2;
    ret_option->name_length = equals ? (size_t)(equals - text) - 2 : strlen(text) - 2;
    if (equals)
        ret_option->value = equals + 1;
    else if (*index + 1 < argc)
        ret_option->value = argv[++*index];
    else
        return false;
    return true;
}

static bool is_config(const struct option *option)
{
    return option->name_length == strlen("config") && strncmp(option->name, "config", 6) == 0;
}

/* First pass: --config has to be known before the rest is applied. */
static enum settings_outcome scan_command_line(struct loader *loader, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct option option;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            settings_print_help(loader->table, stdout);
            return SETTINGS_HELP_SHOWN;
        }
        const char *text = argv[i];
        if (!take_option(argc, argv, &i, &option)) {
            fail(loader, "'%s' is not an option with a value; see --help", text);
            return SETTINGS_INVALID;
        }
        if (is_config(&option))
            loader->file = option.value;
        else if (!find(loader->table, option.name, option.name_length)) {
            fail(loader, "unknown option --%.*s; see --help", (int)option.name_length, option.name);
            return SETTINGS_INVALID;
        }
    }
    return SETTINGS_OK;
}

static void apply_command_line(struct loader *loader, int argc, char **argv)
{
    for (int i = 1; i < argc && !loader->failed; i++) {
        struct option option;
        if (!take_option(argc, argv, &i, &option) || is_config(&option))
            continue;
        const struct setting *setting = find(loader->table, option.name, option.name_length);
        if (setting)
            assign(loader, setting, "--", option.value);
    }
}

static void check_required(struct loader *loader)
{
    for (size_t i = 0; i < loader->table->count; i++) {
        if (!loader->given[i])
            fail(loader,
                 "%s is required, on the command line or in the file of --config; see --help",
                 loader->table->settings[i].name);
    }
}

static void clear_fields(const struct settings_table *table, void *target)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *setting = &table->settings[i];
        void *field = (char *)target + setting->offset;
        if (setting->type == SETTING_TEXT)
            *(char **)field = NULL;
        else if (setting->type == SETTING_BOOLEAN)
            *(bool *)field = false;
        else
            *(int64_t *)field = 0;
    }
}

enum settings_outcome settings_load(const struct settings_table *table, int argc, char **argv,
                                    void *target)
{
    struct loader loader = {.table = table, .target = target};
    clear_fields(table, target);
    enum settings_outcome outcome = scan_command_line(&loader, argc, argv);
    if (outcome != SETTINGS_OK)
        return outcome;
    loader.given = memory_array(table->count, sizeof(*loader.given));
    assign_defaults(&loader);
    if (loader.file && !loader.failed)
        read_file(&loader);
    if (!loader.failed)
        apply_command_line(&loader, argc, argv);
    if (!loader.failed)
        check_required(&loader);
    free(loader.given);
    if (!loader.failed)
        return SETTINGS_OK;
    settings_done(table, target);
    return SETTINGS_INVALID;
}

static size_t field_size(enum setting_type type)
{
    if (type == SETTING_TEXT)
        return sizeof(char *);
    return type == SETTING_BOOLEAN ? sizeof(bool) : sizeof(int64_t);
}

static size_t target_size(const struct settings_table *table)
{
    size_t size = 0;
    for (size_t i = 0; i < table->count; i++) {
        size_t end = table->settings[i].offset + field_size(table->settings[i].type);
        size = end > size ? end : size;
    }
    return size;
}

int settings_reload(const struct settings_table *table, int argc, char **argv, void *target)
{
    char *fresh = memory_zalloc(target_size(table));
    int fault = settings_load(table, argc, argv, fresh) == SETTINGS_OK ? 0 : -EINVAL;
    for (size_t i = 0; i < table->count && !fault; i++) {
        const struct setting *setting = &table->settings[i];
        if (!setting->reloadable)
            continue;
        /* Swapped, so that settings_done below frees the old text. */
        unsigned char old[sizeof(int64_t)];
        size_t size = field_size(setting->type);
        char *current = (char *)target + setting->offset;
        memcpy(old, current, size);
        memcpy(current, fresh + setting->offset, size);
        memcpy(fresh + setting->offset, old, size);
    }
    if (!fault)
        settings_done(table, fresh);
    free(fresh);
    return fault;
}

void settings_done(const struct settings_table *table, void *target)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *setting = &table->settings[i];
        if (setting->type != SETTING_TEXT)
            continue;
        char **field = (char **)(void *)((char *)target + setting->offset);
        if (setting->secret && *field)
            secret_free(*field, strlen(*field));
        else
            free(*field);
        *field = NULL;
    }
}
