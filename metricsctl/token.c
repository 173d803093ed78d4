/* metricsctl token: a session token for command-line clients of metrics-hub, signed with the
 * daemons' secret and holding what the database says about the user now. */
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/command.h"
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

static void copy_text(char *out, size_t size, const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    snprintf(out, size, "%s", text ? text : "");
}

static bool role_of(const char *scope, const json_t *name, enum role *ret_role)
{
    char text[64];

    snprintf(text, sizeof(text), "%s.%s", scope, json_string_value(name));
    return json_is_string(name) && role_parse(text, ret_role) == 0;
}

static bool fill_partners(const json_t *partners, struct principal *principal)
{
    size_t count = json_array_size(partners);

    if (count > PRINCIPAL_MAX_PARTNERS)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *partner = json_array_get(partners, i);
        struct principal_partner *out = &principal->partners[i];
        copy_text(out->code, sizeof(out->code), partner, "code");
        if (!role_of("partner", json_object_get(partner, "role"), &out->role))
            return false;
    }
    principal->partner_count = count;
    return true;
}

/* False if the JSON is not a principal of the form that api.user_principal gives. */
static bool fill_principal(const json_t *json, struct principal *principal)
{
    const json_t *staff = json_object_get(json, "staff");

    copy_text(principal->user_id, sizeof(principal->user_id), json, "user");
    copy_text(principal->name, sizeof(principal->name), json, "name");
    principal->is_staff = staff != NULL;
    if (staff && !role_of("staff", staff, &principal->staff_role))
        return false;
    return principal->user_id[0] && fill_partners(json_object_get(json, "partners"), principal);
}

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
        if (fill_principal(json, principal))
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

int command_token(int argc, char **argv)
{
    struct options options = {0};
    struct principal principal = {0};
    int rc = command_options(&table, argc, argv, &options);

    if (rc)
        return rc;
    rc = load_principal(&options, &principal);
    if (rc == EXIT_DONE) {
        fill_session(&principal);
        rc = sign(&options, &principal);
    }
    settings_done(&table, &options);
    return rc;
}
