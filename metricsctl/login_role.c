/* metricsctl login-role: gives the daemons' database roles new random passwords and prints them
 * once, as JSON, for whoever writes the daemons' configuration. */
#include <sodium.h>
#include <stdio.h>

#include "metricsctl/command.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl login-role"
#define PASSWORD_BYTES 24

struct options {
    char *database;
};

static const struct setting settings[] = {DATABASE_SETTING(struct options)};

static const struct settings_table table = {
    NAME, "Gives mh_ingest and mh_hub new random passwords; prints {\"role\":\"password\"} once.",
    settings, ARRAY_LENGTH(settings)};

static const char *const roles[] = {"mh_ingest", "mh_hub"};

static int set_passwords(struct pg_client *client)
{
    unsigned char bytes[PASSWORD_BYTES];
    char passwords[ARRAY_LENGTH(roles)][2 * PASSWORD_BYTES + 1];

    for (size_t i = 0; i < ARRAY_LENGTH(roles); i++) {
        randombytes_buf(bytes, sizeof(bytes));
        sodium_bin2hex(passwords[i], sizeof(passwords[i]), bytes, sizeof(bytes));
        if (pg_client_set_password(client, roles[i], passwords[i]) != 0)
            return command_database_failed(NAME, client);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(roles); i++)
        printf("%s\"%s\":\"%s\"", i ? "," : "{", roles[i], passwords[i]);
    puts("}");
    sodium_memzero(passwords, sizeof(passwords));
    return EXIT_DONE;
}

int command_login_role(int argc, char **argv)
{
    struct options options = {0};
    int rc = command_options(&table, argc, argv, &options);

    if (rc)
        return rc;
    struct pg_client *client = command_database(NAME, options.database);
    rc = client ? set_passwords(client) : EXIT_FAILED;
    pg_client_close(client);
    settings_done(&table, &options);
    return rc;
}
