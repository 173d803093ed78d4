/* metricsctl key revoke, partner status: what ends somebody's access. Every ingest takes notice
 * within a second. */
#include <stdio.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/access/channel_name.h"
#include "shared/postgres/pg_client.h"

#define KEY_NAME "metricsctl key revoke"
#define PARTNER_NAME "metricsctl partner status"

/* Runs a function that says whether it changed anything; `missing` is the error if it did not. */
static int change(const char *name, const char *database, const char *sql, const char *first,
                  const char *second, const char *missing)
{
    const char *params[] = {first, second};
    struct pg_client *client = command_query(name, database, sql, params, 2);
    int rc = EXIT_DONE;

    if (!client)
        return EXIT_FAILED;
    if (strcmp(pg_client_text(client, 0, 0), "t") != 0)
        rc = command_failed(name, missing, first);
    pg_client_close(client);
    return rc;
}

struct key_options {
    char *database, *key, *reason;
};

static const struct setting key_settings[] = {
    DATABASE_SETTING(struct key_options),
    {.name = "key",
     .type = SETTING_TEXT,
     .offset = offsetof(struct key_options, key),
     .minimum = 12,
     .maximum = 12,
     .help = "public id of the key: the 12 characters after mh_live_ or mh_test_"},
    {.name = "reason",
     .type = SETTING_TEXT,
     .offset = offsetof(struct key_options, reason),
     .default_value = "revoked by metricsctl",
     .minimum = 1,
     .maximum = 200,
     .help = "kept with the key"},
};

static const struct settings_table key_table = {KEY_NAME, "Revokes an API key for good.",
                                                key_settings, ARRAY_LENGTH(key_settings)};

static int revoke_key(const void *data)
{
    const struct key_options *options = data;

    return change(KEY_NAME, options->database, "SELECT api.key_revoke($1, $2)", options->key,
                  options->reason, "there is no key %s, or it is revoked already");
}

int command_key_revoke(int argc, char **argv)
{
    return command_run(&key_table, sizeof(struct key_options), argc, argv, revoke_key);
}

struct partner_options {
    char *database, *code, *status;
};

static const struct setting partner_settings[] = {
    DATABASE_SETTING(struct partner_options),
    {.name = "code",
     .type = SETTING_TEXT,
     .offset = offsetof(struct partner_options, code),
     .minimum = 1,
     .maximum = CHANNEL_CODE_SIZE - 1,
     .help = "the partner"},
    {.name = "status",
     .type = SETTING_TEXT,
     .offset = offsetof(struct partner_options, status),
     .minimum = 1,
     .maximum = 16,
     .help = "prospect, onboarding, active, suspended or churned; the last two may not post"},
};

static const struct settings_table partner_table = {
    PARTNER_NAME, "Changes a partner's status.", partner_settings, ARRAY_LENGTH(partner_settings)};

static int change_status(const void *data)
{
    const struct partner_options *options = data;

    return change(PARTNER_NAME, options->database, "SELECT api.partner_status($1, $2)",
                  options->code, options->status, "there is no partner %s");
}

int command_partner_status(int argc, char **argv)
{
    return command_run(&partner_table, sizeof(struct partner_options), argc, argv, change_status);
}
