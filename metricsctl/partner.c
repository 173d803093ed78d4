/* metricsctl partner create, partner list. */
#include <stdio.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/access/channel_name.h"
#include "shared/postgres/pg_client.h"

#define CREATE_NAME "metricsctl partner create"
#define LIST_NAME "metricsctl partner list"

struct create_options {
    char *database, *code, *name, *tier, *region;
};

static const struct setting create_settings[] = {
    DATABASE_SETTING(struct create_options),
    {.name = "code",
     .type = SETTING_TEXT,
     .offset = offsetof(struct create_options, code),
     .minimum = 1,
     .maximum = CHANNEL_CODE_SIZE - 1,
     .help = "short, for good: capital letters, digits, _ and -"},
    {.name = "name",
     .type = SETTING_TEXT,
     .offset = offsetof(struct create_options, name),
     .default_value = "",
     .maximum = 200,
     .help = "as shown to people; the code if left out"},
    {.name = "tier",
     .type = SETTING_TEXT,
     .offset = offsetof(struct create_options, tier),
     .default_value = "",
     .maximum = 64,
     .help = "free text, e.g. strategic"},
    {.name = "region",
     .type = SETTING_TEXT,
     .offset = offsetof(struct create_options, region),
     .default_value = "",
     .maximum = 64,
     .help = "free text, e.g. eu"},
};

static const struct settings_table create_table = {CREATE_NAME, "Creates a partner.",
                                                   create_settings, ARRAY_LENGTH(create_settings)};

static int insert(const struct create_options *options)
{
    struct pg_client *client = command_database(CREATE_NAME, options->database);
    const char *params[] = {options->code, *options->name ? options->name : options->code,
                            command_text_or_null(options->tier),
                            command_text_or_null(options->region)};
    int rc = EXIT_FAILED;

    if (!client)
        return rc;
    if (pg_client_query(client, "SELECT api.partner_create($1, $2, $3, $4)", params, 4) == 0) {
        puts(options->code);
        rc = EXIT_DONE;
    } else if (strcmp(pg_client_sqlstate(client), "23505") == 0) {
        command_failed(CREATE_NAME, "there is a partner with the code %s already", options->code);
    } else {
        command_database_failed(CREATE_NAME, client);
    }
    pg_client_close(client);
    return rc;
}

static int create(const void *data)
{
    const struct create_options *options = data;

    if (partner_code_valid(options->code, strlen(options->code)))
        return insert(options);
    command_failed(CREATE_NAME,
                   "code '%s' is not valid: use 1 to 32 capital letters, digits, _ and -",
                   options->code);
    return EXIT_USAGE;
}

int command_partner_create(int argc, char **argv)
{
    return command_run(&create_table, sizeof(struct create_options), argc, argv, create);
}

struct list_options {
    char *database;
};

static const struct setting list_settings[] = {DATABASE_SETTING(struct list_options)};

static const struct settings_table list_table = {
    LIST_NAME, "Lists the partners: code, status and name, separated by tabs.", list_settings,
    ARRAY_LENGTH(list_settings)};

static int list(const void *data)
{
    const struct list_options *options = data;
    struct pg_client *client =
        command_query(LIST_NAME, options->database,
                      "SELECT code, status, name FROM api.partners() ORDER BY code", NULL, 0);

    if (!client)
        return EXIT_FAILED;
    for (int row = 0; row < pg_client_rows(client); row++)
        printf("%s\t%s\t%s\n", pg_client_text(client, row, 0), pg_client_text(client, row, 1),
               pg_client_text(client, row, 2));
    pg_client_close(client);
    return EXIT_DONE;
}

int command_partner_list(int argc, char **argv)
{
    return command_run(&list_table, sizeof(struct list_options), argc, argv, list);
}
