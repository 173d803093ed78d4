/* metricsctl key rotate: a new key in the place of an old one, which stays good for a while so that
 * programs can change over without a refused request. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/access/api_key.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl key rotate"
#define MAX_OVERLAP_MS (INT64_C(7) * 24 * 3600 * 1000)

struct options {
    char *database, *key;
    int64_t overlap;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "key",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, key),
     .minimum = API_KEY_PUBLIC_ID_SIZE - 1,
     .maximum = API_KEY_PUBLIC_ID_SIZE - 1,
     .help = "public id of the key: the 12 characters after mh_live_ or mh_test_"},
    {.name = "overlap",
     .type = SETTING_DURATION,
     .offset = offsetof(struct options, overlap),
     .default_value = "1d",
     .minimum = 0,
     .maximum = MAX_OVERLAP_MS,
     .help = "how long the old key stays good beside the new one"},
};

static const struct settings_table table = {
    NAME, "Makes a key like another one, prints it this once, and lets the other one run out.",
    settings, ARRAY_LENGTH(settings)};

/* 0, or how to exit after an error line. */
static int environment_of(struct pg_client *client, const char *public_id,
                          enum api_key_environment *ret_environment)
{
    const char *params[] = {public_id};

    if (pg_client_query(client, "SELECT environment FROM api.keys(NULL) WHERE public_id = $1",
                        params, 1) != 0)
        return command_database_failed(NAME, client);
    if (pg_client_rows(client) == 0)
        return command_failed(NAME, "there is no key %s", public_id);
    *ret_environment = strcmp(pg_client_text(client, 0, 0), "0") == 0 ? API_KEY_LIVE : API_KEY_TEST;
    return 0;
}

static int replace(struct pg_client *client, const struct options *options,
                   const struct api_key *key)
{
    char overlap[24], hash[2 * API_KEY_HASH_BYTES + 1];
    const char *params[] = {options->key, overlap, key->public_id, hash};

    snprintf(overlap, sizeof(overlap), "%lld", (long long)(options->overlap / 1000));
    sodium_bin2hex(hash, sizeof(hash), key->hash, sizeof(key->hash));
    if (pg_client_query(client, "SELECT api.key_rotate($1, $2::bigint, $3, decode($4, 'hex'))",
                        params, 4) != 0)
        return command_database_failed(NAME, client);
    if (strcmp(pg_client_text(client, 0, 0), "t") != 0)
        return command_failed(NAME, "the key %s is revoked", options->key);
    return 0;
}

static int rotate(const void *data)
{
    const struct options *options = data;
    enum api_key_environment environment = API_KEY_LIVE;
    char text[API_KEY_TEXT_SIZE];
    struct api_key key;
    struct pg_client *client = command_database(NAME, options->database);

    if (!client)
        return EXIT_FAILED;
    int rc = environment_of(client, options->key, &environment);
    if (rc == 0) {
        api_key_generate(environment, &key, text);
        rc = replace(client, options, &key);
        if (rc == 0)
            puts(text);
        sodium_memzero(text, sizeof(text));
    }
    pg_client_close(client);
    return rc;
}

int command_key_rotate(int argc, char **argv)
{
    return command_run(&table, sizeof(struct options), argc, argv, rotate);
}
