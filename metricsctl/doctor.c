/* metricsctl doctor: what is wrong with an installation, and why a user does not see a channel.
 * Each finding says what to do about it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/base/buffer.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl doctor"

struct options {
    char *database, *sql, *user, *channel;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "sql",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, sql),
     .default_value = "sql",
     .minimum = 1,
     .maximum = 4096,
     .help = "folder of this release's SQL, as for migrate"},
    {.name = "user",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, user),
     .default_value = "",
     .maximum = 40,
     .help = "id of a user, usr_…: what keeps him from seeing something"},
    {.name = "channel",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, channel),
     .default_value = "",
     .maximum = 127,
     .help = "what the user wants to see, e.g. metrics:partner:INCEPT; needs --user"},
};

static const struct settings_table table = {
    NAME,
    "Checks the installation and, with --user, why that user may see a channel or not. Prints ok "
    "or\n"
    "FAIL, what was checked and what to do, separated by tabs; exits 1 if something failed.",
    settings, ARRAY_LENGTH(settings)};

static void print_check(bool ok, const char *name, const char *detail)
{
    printf("%s\t%s\t%s\n", ok ? "ok" : "FAIL", name, detail);
}

static int is_migration(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 4, ".sql") == 0;
}

/* The names of the folder's migrations, one a line, NUL-terminated; 0 or -errno. */
static int migration_names(const char *folder, struct buffer *names)
{
    struct buffer path = BUFFER_INIT;
    struct dirent **entries;

    buffer_append_text(&path, folder);
    buffer_append_text(&path, "/migrations");
    buffer_append(&path, "", 1);
    int count = scandir(path.data, &entries, is_migration, alphasort);
    int error = count < 0 ? -errno : 0;
    buffer_done(&path);
    for (int i = 0; i < count; i++) {
        buffer_append_text(names, i ? "\n" : "");
        buffer_append_text(names, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    buffer_append(names, "", 1);
    return error;
}

/* 1 if the schema is not this release's, -1 if the database does not answer, else 0. */
static int compare_schema(struct pg_client *client, const char *names)
{
    const char *params[] = {names};

    if (pg_client_query(client,
                        "WITH file AS (SELECT unnest(string_to_array($1, E'\\n')) AS name)"
                        " SELECT (SELECT string_agg(name, ', ' ORDER BY name) FROM file"
                        "  WHERE name NOT IN (SELECT name FROM ops.schema_migrations)),"
                        " (SELECT string_agg(name, ', ' ORDER BY name) FROM ops.schema_migrations"
                        "  WHERE name NOT IN (SELECT name FROM file))",
                        params, 1) != 0) {
        command_database_failed(NAME, client);
        return -1;
    }
    const char *missing = pg_client_text(client, 0, 0), *unknown = pg_client_text(client, 0, 1);
    print_check(!missing && !unknown, "schema",
                missing   ? "behind this release: run `metricsctl migrate`"
                : unknown ? "of a newer release than this: use that one"
                          : "up to date");
    return missing || unknown;
}

static int check_schema(struct pg_client *client, const char *folder)
{
    struct buffer names = BUFFER_INIT;
    int rc = migration_names(folder, &names);

    if (rc == 0) {
        rc = compare_schema(client, names.data);
    } else {
        print_check(false, "schema", "not compared: say by --sql where this release's SQL is");
        rc = 1;
    }
    buffer_done(&names);
    return rc;
}

/* Prints rows of (name, ok, detail): how many are not ok, or -1. */
static int print_checks(struct pg_client *client, const char *sql, const char *const *params,
                        int param_count)
{
    int failed = 0;

    if (pg_client_query(client, sql, params, param_count) != 0) {
        command_database_failed(NAME, client);
        return -1;
    }
    for (int row = 0; row < pg_client_rows(client); row++) {
        bool ok = strcmp(pg_client_text(client, row, 1), "t") == 0;
        print_check(ok, pg_client_text(client, row, 0), pg_client_text(client, row, 2));
        failed += !ok;
    }
    return failed;
}

static int check_user(struct pg_client *client, const struct options *options)
{
    const char *params[] = {options->user, command_text_or_null(options->channel)};
    int failed =
        print_checks(client, "SELECT name, ok, detail FROM api.explain($1, $2)", params, 2);

    if (failed == 0 && pg_client_rows(client) == 0) {
        command_failed(NAME, "there is no user %s", options->user);
        return -1;
    }
    return failed;
}

static int examine(struct pg_client *client, const struct options *options)
{
    int of_schema = check_schema(client, options->sql);
    if (of_schema < 0)
        return EXIT_FAILED;
    int failed = print_checks(client, "SELECT name, ok, detail FROM api.doctor()", NULL, 0);
    int of_user = *options->user && failed >= 0 ? check_user(client, options) : 0;
    return of_schema || failed || of_user ? EXIT_FAILED : EXIT_DONE;
}

static int run(const void *data)
{
    const struct options *options = data;

    if (*options->channel && !*options->user) {
        command_failed(NAME, "--channel needs --user");
        return EXIT_USAGE;
    }
    struct pg_client *client = command_database(NAME, options->database);
    int rc = client ? examine(client, options) : EXIT_FAILED;
    pg_client_close(client);
    return rc;
}

int command_doctor(int argc, char **argv)
{
    return command_run(&table, sizeof(struct options), argc, argv, run);
}
