/* metricsctl model set. */
#include <stdio.h>

#include "metricsctl/command.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl model set"

struct options {
    char *database, *id, *name, *kind, *price;
    int64_t max_duration, max_concurrent;
    bool enabled;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "id",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, id),
     .minimum = 1,
     .maximum = 64,
     .help = "as events name it: letters, digits, dots, _ and -"},
    {.name = "name",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, name),
     .default_value = "",
     .maximum = 120,
     .help = "as shown to people; the id if left out"},
    {.name = "kind",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, kind),
     .minimum = 1,
     .maximum = 8,
     .help = "image, video, stt, tts or llm"},
    {.name = "enabled",
     .type = SETTING_BOOLEAN,
     .offset = offsetof(struct options, enabled),
     .default_value = "on",
     .help = "whether it may be used"},
    {.name = "price",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, price),
     .default_value = "",
     .maximum = 20,
     .help = "of a unit, e.g. 0.042; none if left out"},
    {.name = "max_duration",
     .type = SETTING_DURATION,
     .offset = offsetof(struct options, max_duration),
     .default_value = "0",
     .maximum = INT64_C(24) * 3600 * 1000,
     .help = "how long one generation may take; 0 = no limit"},
    {.name = "max_concurrent",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct options, max_concurrent),
     .default_value = "0",
     .maximum = 100000,
     .help = "generations at a time; 0 = no limit"},
};

static const struct settings_table table = {
    NAME, "Makes a model's configuration, or makes it what the options say.", settings,
    ARRAY_LENGTH(settings)};

static int set(const void *data)
{
    const struct options *options = data;
    char duration[24], concurrent[24];
    const char *params[] = {options->id,
                            *options->name ? options->name : options->id,
                            options->kind,
                            options->enabled ? "true" : "false",
                            command_text_or_null(options->price),
                            duration,
                            concurrent};

    snprintf(duration, sizeof(duration), "%lld", (long long)options->max_duration);
    snprintf(concurrent, sizeof(concurrent), "%lld", (long long)options->max_concurrent);
    struct pg_client *client =
        command_query(NAME, options->database,
                      "SELECT api.model_set($1, $2, $3, $4::boolean, $5::numeric,"
                      " nullif($6::bigint, 0), nullif($7::int, 0))",
                      params, ARRAY_LENGTH(params));
    if (!client)
        return EXIT_FAILED;
    puts(options->id);
    pg_client_close(client);
    return EXIT_DONE;
}

int command_model_set(int argc, char **argv)
{
    return command_run(&table, sizeof(struct options), argc, argv, set);
}
