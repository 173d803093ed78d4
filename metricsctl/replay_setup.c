/* metricsctl replay-setup: the partners of a trace, with a key each, so that replay can post. Can
 * be repeated: what exists is kept. */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "metricsctl/command.h"
#include "metricsctl/key.h"
#include "metricsctl/keys_file.h"
#include "metricsctl/trace.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl replay-setup"
#define RATE 1000000 /* events per second: a replay is not to be slowed by its keys' limit */

struct options {
    char *database, *keys;
    int64_t partners;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "keys",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, keys),
     .minimum = 1,
     .maximum = 4000,
     .help = "JSON file {\"CODE\": \"API key\"} to make or to complete; its mode is 0600"},
    {.name = "partners",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct options, partners),
     .default_value = "0",
     .maximum = 100000,
     .help = "as for replay"},
};

static const struct settings_table table = {
    NAME,
    "metricsctl replay-setup FILE [OPTION...]: creates the partners of a recorded trace and their\n"
    "API keys.",
    settings, ARRAY_LENGTH(settings)};

static int ensure_partner(struct pg_client *client, const char *code)
{
    char name[64];
    const char *params[] = {code, name};

    if (strcmp(code, TRACE_OTHER) == 0)
        snprintf(name, sizeof(name), "Other tenants");
    else
        snprintf(name, sizeof(name), "Tenant %s", code);
    if (pg_client_query(client, "SELECT FROM api.partners() WHERE code = $1", params, 1) != 0)
        return command_database_failed(NAME, client);
    if (pg_client_rows(client) > 0)
        return 0;
    if (pg_client_query(client, "SELECT api.partner_create($1, $2, NULL, NULL)", params, 2) != 0)
        return command_database_failed(NAME, client);
    return 0;
}

static int add_key(struct pg_client *client, const char *code, json_t *keys)
{
    const struct key_request request = {.partner = code,
                                        .name = "replay",
                                        .environment = API_KEY_LIVE,
                                        .scopes = "events:write",
                                        .rate = RATE};
    char text[API_KEY_TEXT_SIZE];

    if (key_create(client, &request, text) != 0)
        return command_database_failed(NAME, client);
    json_object_set_new(keys, code, json_string(text));
    sodium_memzero(text, sizeof(text));
    return 0;
}

static int set_up(struct pg_client *client, const struct trace *trace, json_t *keys)
{
    for (size_t i = 0; i < trace->partner_count; i++) {
        const char *code = trace->partners[i].code;
        int rc = ensure_partner(client, code);
        if (rc == 0 && !json_object_get(keys, code))
            rc = add_key(client, code, keys);
        if (rc)
            return rc;
    }
    return 0;
}

static int set_up_file(const struct options *options, const char *path)
{
    struct trace trace = {0};
    json_t *keys = NULL;
    struct pg_client *client = NULL;
    int rc = trace_load(NAME, path, (size_t)options->partners, &trace);

    if (rc == 0 && !(keys = keys_load_or_new(NAME, options->keys)))
        rc = EXIT_FAILED;
    if (rc == 0 && !(client = command_database(NAME, options->database)))
        rc = EXIT_FAILED;
    if (rc == 0)
        rc = set_up(client, &trace, keys);
    if (rc == 0)
        rc = keys_save(NAME, options->keys, keys);
    if (rc == 0)
        fprintf(stderr, "%zu partners are ready\n", trace.partner_count);
    pg_client_close(client);
    json_decref(keys);
    trace_done(&trace);
    return rc;
}

int command_replay_setup(int argc, char **argv)
{
    struct options options = {0};
    const char *path;

    command_file_argument(&argc, &argv, &path);
    int rc = command_options(&table, argc, argv, &options);
    if (rc)
        return rc;
    if (path) {
        rc = set_up_file(&options, path);
    } else {
        command_failed(NAME, "which file? metricsctl replay-setup FILE [OPTION...]");
        rc = EXIT_USAGE;
    }
    settings_done(&table, &options);
    return rc;
}
