/* metricsctl token: a session token for command-line clients of metrics-hub, signed with the
 * daemons' secret and holding what the database says about the user now. */
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/access/principal_json.h"
#include "shared/access/token.h"
#include "shared/base/time.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl token"

struct options {
    char *database, *token_secret_file, *user;
    int64_t ttl_ms;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "token_secret_file",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, token_secret_file),
     .minimum = 1,
     .maximum = 4096,
     .help = "the file that both daemons have as token_secret_file"},
    {.name = "user",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, user),
     .minimum = 1,
     .maximum = 40,
     .help = "id of the user, usr_…"},
    {.name = "ttl",
     .type = SETTING_DURATION,
     .offset = offsetof(struct options, ttl_ms),
     .default_value = "1h",
     .minimum = 1000,
     .maximum = 30LL * 86400 * 1000,
     .help = "how long the token is valid"},
};

static const struct settings_table table = {
    NAME, "Prints a token with which a client connects to metrics-hub as the user.", settings,
    ARRAY_LENGTH(settings)};

/* The token is no browser's session; its id only tells tokens apart. */
static void fill_session(struct principal *principal)
{
    unsigned char bytes[16];
    char hex[2 * sizeof(bytes) + 1];

    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2hex(hex, sizeof(hex), bytes, sizeof(bytes));
    snprintf(principal->session_id, sizeof(principal->session_id), "ses_%s", hex);
}

static int load_principal(const struct options *options, struct principal *principal)
{
    const char *params[] = {options->user};
    struct pg_client *client =
        command_query(NAME, options->database, "SELECT api.user_principal($1)", params, 1);
    int rc = EXIT_FAILED;

    if (!client)
        return rc;
    if (pg_client_rows(client) == 0 || !pg_client_text(client, 0, 0)) {
        command_failed(NAME, "there is no active user %s", options->user);
    } else {
        json_t *json = json_loads(pg_client_text(client, 0, 0), JSON_REJECT_DUPLICATES, NULL);
        if (principal_from_json(json, principal) == 0)
            rc = EXIT_DONE;
        else
            command_failed(NAME, "this release does not know the role of %s", options->user);
        json_decref(json);
    }
    pg_client_close(client);
    return rc;
}

static int sign(const struct options *options, struct principal *principal)
{
    char *secret, *token;
    size_t secret_length;
    int64_t now_ms = time_wall_ms();
    int rc = secret_read(options->token_secret_file, &secret, &secret_length);

    if (rc == -EPERM)
        return command_failed(NAME, "%s may be read by others: chmod 600 it",
                              options->token_secret_file);
    if (rc)
        return command_failed(NAME, "cannot read %s: %s", options->token_secret_file,
                              strerror(-rc));
    principal->expires_ms = now_ms + options->ttl_ms;
    rc = token_sign(principal, secret, secret_length, now_ms, &token);
    secret_free(secret, secret_length);
    if (rc)
        return command_failed(NAME, "cannot sign the token: %s", strerror(-rc));
    puts(token);
    sodium_memzero(token, strlen(token));
    free(token);
    return EXIT_DONE;
}

static int print_token(const void *data)
{
    const struct options *options = data;
    struct principal principal = {0};
    int rc = load_principal(options, &principal);

    if (rc != EXIT_DONE)
        return rc;
    fill_session(&principal);
    return sign(options, &principal);
}

int command_token(int argc, char **argv)
{
    return command_run(&table, sizeof(struct options), argc, argv, print_token);
}
