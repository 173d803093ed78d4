/* metricsctl migrate: roles.sql, then each migration that the database does not have yet, each in
 * a transaction of its own and recorded with its SHA-256, then all functions anew, then partitions
 * for the coming days. Under an advisory lock, so that several hosts may start at once. */
#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/base/buffer.h"
#include "shared/base/memory.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl migrate"
/* Any constant will do, as long as it stays the same: the ASCII of "mh:migr8". */
#define LOCK_SQL "SELECT pg_advisory_lock(7883908541655479352)"

struct options {
    char *database, *sql;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "sql",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, sql),
     .default_value = "sql",
     .minimum = 1,
     .maximum = 4096,
     .help = "folder with roles.sql, migrations/ and functions/"},
};

static const struct settings_table table = {
    NAME, "Brings the schema of a database up to date; harmless when it already is.", settings,
    ARRAY_LENGTH(settings)};

struct migration_run {
    struct pg_client *client;
    const char *folder;
    struct buffer text; /* of the file at hand, NUL-terminated */
    char hash[2 * crypto_hash_sha256_BYTES + 1];
    int last_version, applied;
};

static int read_file(struct migration_run *run, const char *path)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    FILE *file = fopen(path, "re");

    if (!file)
        return command_failed(NAME, "cannot read %s: %s", path, strerror(errno));
    buffer_clear(&run->text);
    for (size_t n = 1; n > 0;) {
        n = fread(buffer_reserve(&run->text, 65536), 1, 65536, file);
        run->text.length += n;
    }
    int failed = ferror(file);
    fclose(file);
    if (failed)
        return command_failed(NAME, "cannot read %s: %s", path, strerror(EIO));
    crypto_hash_sha256(digest, (const unsigned char *)run->text.data, run->text.length);
    sodium_bin2hex(run->hash, sizeof(run->hash), digest, sizeof(digest));
    buffer_append(&run->text, "", 1);
    return 0;
}

static int execute(struct migration_run *run, const char *sql, const char *what)
{
    if (pg_client_run(run->client, sql) == 0)
        return 0;
    return command_failed(NAME, "%s: %s", what, pg_client_error(run->client));
}

static int is_sql_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + length - 4, ".sql") == 0;
}

/* Calls `apply` for each .sql file of a subfolder in name order, until one fails. */
static int for_each_file(struct migration_run *run, const char *subfolder,
                         int (*apply)(struct migration_run *run, const char *name,
                                      const char *path))
{
    char path[8192];
    struct dirent **entries;

    snprintf(path, sizeof(path), "%s/%s", run->folder, subfolder);
    int count = scandir(path, &entries, is_sql_file, alphasort);
    if (count < 0)
        return command_failed(NAME, "cannot read the folder %s: %s", path, strerror(errno));
    int rc = 0;
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s/%s", run->folder, subfolder, entries[i]->d_name);
        if (rc == 0)
            rc = apply(run, entries[i]->d_name, path);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int apply_roles(struct migration_run *run)
{
    char path[8192];

    snprintf(path, sizeof(path), "%s/roles.sql", run->folder);
    int rc = read_file(run, path);
    return rc ? rc : execute(run, run->text.data, path);
}

/* Version number that a file name begins with: NNNN_name.sql; 0 if it has none. */
static int version_of(const char *name)
{
    char *end;
    long version = strtol(name, &end, 10);

    return end == name + 4 && *end == '_' && version > 0 ? (int)version : 0;
}

/* Whether the migration is applied already; an error if that was with another content. */
static int check_applied(struct migration_run *run, const char *name, const char *version,
                         bool *ret_applied)
{
    if (pg_client_query(run->client,
                        "SELECT sha256 FROM ops.schema_migrations WHERE version = $1::int",
                        &version, 1) != 0)
        return command_database_failed(NAME, run->client);
    *ret_applied = pg_client_rows(run->client) > 0;
    if (*ret_applied && strcmp(pg_client_text(run->client, 0, 0), run->hash) != 0)
        return command_failed(NAME,
                              "%s was applied to this database with another content; restore the "
                              "file and put the change into a new migration",
                              name);
    return 0;
}

static int apply_new(struct migration_run *run, const char *name, const char *version,
                     const char *path)
{
    const char *params[] = {version, name, run->hash};
    int rc = execute(run, "BEGIN", path);

    if (rc == 0)
        rc = execute(run, run->text.data, path);
    if (rc == 0 && pg_client_query(run->client,
                                   "INSERT INTO ops.schema_migrations (version, name, sha256)"
                                   " VALUES ($1::int, $2, $3)",
                                   params, 3) != 0)
        rc = command_database_failed(NAME, run->client);
    if (rc == 0)
        rc = execute(run, "COMMIT", path);
    if (rc == 0) {
        fprintf(stderr, "applied %s\n", name);
        run->applied++;
    }
    return rc;
}

static int apply_migration(struct migration_run *run, const char *name, const char *path)
{
    char version[16];
    bool applied = false;
    int number = version_of(name);

    if (!number)
        return command_failed(NAME, "%s: the name of a migration is NNNN_name.sql", path);
    if (number <= run->last_version)
        return command_failed(NAME, "%s: there are two migrations %04d", path, number);
    run->last_version = number;
    snprintf(version, sizeof(version), "%d", number);
    int rc = read_file(run, path);
    if (rc == 0)
        rc = check_applied(run, name, version, &applied);
    return rc || applied ? rc : apply_new(run, name, version, path);
}

static int apply_functions_file(struct migration_run *run, const char *name, const char *path)
{
    int rc = read_file(run, path);

    (void)name;
    return rc ? rc : execute(run, run->text.data, path);
}

static int apply_functions(struct migration_run *run)
{
    int rc = execute(run, "BEGIN", "functions");

    if (rc == 0)
        rc = for_each_file(run, "functions", apply_functions_file);
    return rc ? rc : execute(run, "COMMIT", "functions");
}

/* A database that knows more than this folder belongs to a newer release. */
static int check_unknown(struct migration_run *run)
{
    char version[16];
    const char *params[] = {version};

    snprintf(version, sizeof(version), "%d", run->last_version);
    if (pg_client_query(run->client,
                        "SELECT name FROM ops.schema_migrations WHERE version > $1::int"
                        " ORDER BY version LIMIT 1",
                        params, 1) != 0)
        return command_database_failed(NAME, run->client);
    if (pg_client_rows(run->client) == 0)
        return 0;
    return command_failed(NAME,
                          "the database has the migration %s, which %s does not: use the release "
                          "that applied it, or a newer one",
                          pg_client_text(run->client, 0, 0), run->folder);
}

static int migrate(struct migration_run *run)
{
    int rc = execute(run, LOCK_SQL, "waiting for another migration");

    if (rc == 0)
        rc = apply_roles(run);
    if (rc == 0)
        rc = for_each_file(run, "migrations", apply_migration);
    if (rc == 0)
        rc = check_unknown(run);
    if (rc == 0)
        rc = apply_functions(run);
    if (rc == 0)
        rc = execute(run, "SELECT ops.maintain()", "ops.maintain()");
    return rc;
}

int command_migrate(int argc, char **argv)
{
    struct options options = {0};
    int rc = command_options(&table, argc, argv, &options);

    if (rc)
        return rc;
    struct migration_run run = {.folder = options.sql, .text = BUFFER_INIT};
    run.client = command_database(NAME, options.database);
    rc = run.client ? migrate(&run) : EXIT_FAILED;
    if (rc == 0)
        fprintf(stderr, "the schema is up to date (%d new)\n", run.applied);
    pg_client_close(run.client);
    buffer_done(&run.text);
    settings_done(&table, &options);
    return rc;
}
