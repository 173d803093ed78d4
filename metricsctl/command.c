#include "metricsctl/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/postgres/pg_client.h"

int command_failed(const char *command, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s: ", command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

int command_options(const struct settings_table *table, int argc, char **argv, void *target)
{
    switch (settings_load(table, argc, argv, target)) {
    case SETTINGS_OK:
        return 0;
    case SETTINGS_HELP_SHOWN:
        return EXIT_HELP_SHOWN;
    case SETTINGS_INVALID:
        break;
    }
    return EXIT_USAGE;
}

int command_run(const struct settings_table *table, size_t options_bytes, int argc, char **argv,
                int (*run)(const void *options))
{
    void *options = memory_zalloc(options_bytes);
    int rc = command_options(table, argc, argv, options);

    if (rc == 0) {
        rc = run(options);
        settings_done(table, options);
    }
    free(options);
    return rc;
}

void command_file_argument(int *argc, char ***argv, const char **ret_path)
{
    *ret_path = NULL;
    if (*argc < 2 || strncmp((*argv)[1], "--", 2) == 0)
        return;
    *ret_path = (*argv)[1];
    (*argv)[1] = (*argv)[0];
    (*argv)++;
    (*argc)--;
}

const char *command_text_or_null(const char *text)
{
    return *text ? text : NULL;
}

struct pg_client *command_database(const char *command, const char *dsn)
{
    struct pg_client *client;

    if (pg_client_open(dsn, "metricsctl", &client) == 0)
        return client;
    command_failed(command, "cannot connect to the database: %s", pg_client_error(client));
    pg_client_close(client);
    return NULL;
}

struct pg_client *command_query(const char *command, const char *dsn, const char *sql,
                                const char *const *params, int param_count)
{
    struct pg_client *client = command_database(command, dsn);

    if (!client || pg_client_query(client, sql, params, param_count) == 0)
        return client;
    command_database_failed(command, client);
    pg_client_close(client);
    return NULL;
}

int command_database_failed(const char *command, const struct pg_client *client)
{
    return command_failed(command, "%s", pg_client_error(client));
}
