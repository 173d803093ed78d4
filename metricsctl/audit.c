/* metricsctl audit list, audit verify. */
#include <stdio.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/postgres/pg_client.h"

#define LIST_NAME "metricsctl audit list"
#define VERIFY_NAME "metricsctl audit verify"

struct list_options {
    char *database;
    int64_t limit;
};

static const struct setting list_settings[] = {
    DATABASE_SETTING(struct list_options),
    {.name = "limit",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct list_options, limit),
     .default_value = "50",
     .minimum = 1,
     .maximum = 100000,
     .help = "how many of the newest"},
};

static const struct settings_table list_table = {
    LIST_NAME,
    "Lists the newest entries of the audit trail, oldest first, separated by tabs: chain and seq,\n"
    "time, actor (- is the operator), done or denied, action, target, partner.",
    list_settings, ARRAY_LENGTH(list_settings)};

#define LIST_COLUMNS 7

static int list(const void *data)
{
    const struct list_options *options = data;
    char limit[24];
    const char *params[] = {limit};

    snprintf(limit, sizeof(limit), "%lld", (long long)options->limit);
    struct pg_client *client = command_query(
        LIST_NAME, options->database,
        "SELECT id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), actor,"
        " outcome, action, target, partner FROM api.audit_tail($1::int)",
        params, 1);
    if (!client)
        return EXIT_FAILED;
    for (int row = 0; row < pg_client_rows(client); row++)
        for (int column = 0; column < LIST_COLUMNS; column++)
            printf("%s%c", pg_client_text(client, row, column),
                   column + 1 < LIST_COLUMNS ? '\t' : '\n');
    pg_client_close(client);
    return EXIT_DONE;
}

int command_audit_list(int argc, char **argv)
{
    return command_run(&list_table, sizeof(struct list_options), argc, argv, list);
}

struct verify_options {
    char *database, *chain;
};

static const struct setting verify_settings[] = {
    DATABASE_SETTING(struct verify_options),
    {.name = "chain",
     .type = SETTING_TEXT,
     .offset = offsetof(struct verify_options, chain),
     .default_value = "",
     .maximum = 7,
     .help = "only that of this month, YYYY-MM"},
};

static const struct settings_table verify_table = {
    VERIFY_NAME,
    "Verifies the audit trail: every link, the heads and the anchors. Prints each chain, its\n"
    "entries, its anchors, and ok or the first seq that is not what it was; exits 1 for that.\n"
    "metrics-ingest logs `audit anchor CHAIN SEQ HASH`: compare with what is here if the database\n"
    "itself is in doubt.",
    verify_settings, ARRAY_LENGTH(verify_settings)};

static int print_chains(const struct pg_client *client)
{
    int broken = 0;

    for (int row = 0; row < pg_client_rows(client); row++) {
        const char *at = pg_client_text(client, row, 3);
        printf("%s\t%s\t%s\t%s%s\n", pg_client_text(client, row, 0), pg_client_text(client, row, 1),
               pg_client_text(client, row, 2), at ? "broken at " : "ok", at ? at : "");
        broken += at != NULL;
    }
    if (broken)
        return command_failed(VERIFY_NAME, "the audit trail was changed");
    return EXIT_DONE;
}

static int verify(const void *data)
{
    const struct verify_options *options = data;
    const char *params[] = {command_text_or_null(options->chain)};
    struct pg_client *client = command_query(
        VERIFY_NAME, options->database,
        "SELECT chain, entries, anchors, broken_at FROM api.audit_verify($1)", params, 1);

    if (!client)
        return EXIT_FAILED;
    int rc = print_chains(client);
    if (pg_client_rows(client) == 0 && *options->chain)
        rc = command_failed(VERIFY_NAME, "there is no chain %s", options->chain);
    pg_client_close(client);
    return rc;
}

int command_audit_verify(int argc, char **argv)
{
    return command_run(&verify_table, sizeof(struct verify_options), argc, argv, verify);
}
