/* metricsctl link: a one-time sign-in link for an existing user. */
#include <stdio.h>

#include "metricsctl/command.h"
#include "metricsctl/sign_in.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl link"

struct options {
    char *database, *user, *public_url;
    int64_t ttl_ms;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "user",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, user),
     .minimum = 1,
     .maximum = 40,
     .help = "id of the user, usr_…"},
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
    NAME, "Prints a link with which the user signs in, once.", settings, ARRAY_LENGTH(settings)};

static int create(const void *data)
{
    const struct options *options = data;
    char token[SIGN_IN_TOKEN_SIZE], hash[SIGN_IN_HASH_SIZE], ttl[24];
    const char *params[] = {options->user, hash, ttl};

    sign_in_token_new(token, hash);
    snprintf(ttl, sizeof(ttl), "%lld", (long long)(options->ttl_ms / 1000));
    struct pg_client *client =
        command_query(NAME, options->database,
                      "SELECT api.link_create($1, decode($2, 'hex'), $3::int)", params, 3);
    if (!client)
        return EXIT_FAILED;
    sign_in_print(options->public_url, token);
    pg_client_close(client);
    return EXIT_DONE;
}

int command_link(int argc, char **argv)
{
    return command_run(&table, sizeof(struct options), argc, argv, create);
}
