/* metricsctl bootstrap-owner: the way in to a new installation. There is no default credential:
 * the first owner is made here and signs in once with the printed link. */
#include <stdio.h>

#include "metricsctl/command.h"
#include "metricsctl/sign_in.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl bootstrap-owner"

struct options {
    char *database, *public_url;
    int64_t ttl_ms;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "public_url",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, public_url),
     .default_value = SIGN_IN_DEFAULT_URL,
     .minimum = 1,
     .maximum = 400,
     .help = "where browsers reach metrics-ingest"},
    {.name = "ttl",
     .type = SETTING_DURATION,
     .offset = offsetof(struct options, ttl_ms),
     .default_value = "24h",
     .minimum = 1000,
     .maximum = 30LL * 86400 * 1000,
     .help = "how long the link may wait for its one use"},
};

static const struct settings_table table = {
    NAME,
    "Prints a one-time sign-in link for the first owner; refused once an owner has signed in.",
    settings, ARRAY_LENGTH(settings)};

static int bootstrap(const void *data)
{
    const struct options *options = data;
    char token[SIGN_IN_TOKEN_SIZE], hash[SIGN_IN_HASH_SIZE], ttl[24];
    const char *params[] = {hash, ttl};

    sign_in_token_new(token, hash);
    snprintf(ttl, sizeof(ttl), "%lld", (long long)(options->ttl_ms / 1000));
    struct pg_client *client =
        command_query(NAME, options->database,
                      "SELECT api.owner_bootstrap(decode($1, 'hex'), $2::int)", params, 2);
    if (!client)
        return EXIT_FAILED;
    fprintf(stderr, "owner %s\n", pg_client_text(client, 0, 0));
    sign_in_print(options->public_url, token);
    pg_client_close(client);
    return EXIT_DONE;
}

int command_bootstrap_owner(int argc, char **argv)
{
    return command_run(&table, sizeof(struct options), argc, argv, bootstrap);
}
