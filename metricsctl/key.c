/* metricsctl key create: the key's text exists only here and at its owner; the database keeps the
 * hash. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "metricsctl/command.h"
#include "metricsctl/key.h"
#include "shared/access/api_key.h"
#include "shared/base/time.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl key create"

struct options {
    char *database, *partner, *name, *environment, *scope, *expires, *ip;
    int64_t rate, max_seats;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "partner",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, partner),
     .minimum = 1,
     .maximum = 32,
     .help = "code of the partner"},
    {.name = "name",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, name),
     .default_value = "metricsctl",
     .minimum = 1,
     .maximum = 120,
     .help = "what the key is for"},
    {.name = "environment",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, environment),
     .default_value = "live",
     .maximum = 8,
     .help = "live or test; events of a test key count in no metric"},
    {.name = "scope",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, scope),
     .default_value = "events:write",
     .minimum = 1,
     .maximum = 400,
     .help = "comma-separated, e.g. events:write,events:historical"},
    {.name = "rate",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct options, rate),
     .default_value = "0",
     .minimum = 0,
     .maximum = 10000000,
     .help = "events per second; 0 = the server's default"},
    {.name = "expires",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, expires),
     .default_value = "",
     .maximum = 40,
     .help = "when it ends, e.g. 2030-01-31T12:00:00Z; never if left out"},
    {.name = "ip",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, ip),
     .default_value = "",
     .maximum = 2500,
     .help =
         "networks it may be used from, comma-separated, e.g. 203.0.113.0/24,2001:db8::/32; any "
         "if left out"},
    {.name = "max_seats",
     .type = SETTING_INTEGER,
     .offset = offsetof(struct options, max_seats),
     .default_value = "0",
     .minimum = 0,
     .maximum = 100000,
     .help = "end users that may be seen with it; 0 = any number"},
};

static const struct settings_table table = {
    NAME, "Creates an API key and prints it. It is shown this once.", settings,
    ARRAY_LENGTH(settings)};

int key_create(struct pg_client *client, const struct key_request *request,
               char out_text[API_KEY_TEXT_SIZE])
{
    struct api_key key;
    char hash[2 * API_KEY_HASH_BYTES + 1], environment[4], rate[24], seats[24];

    api_key_generate(request->environment, &key, out_text);
    const char *params[] = {request->partner,
                            request->name,
                            environment,
                            key.public_id,
                            hash,
                            request->scopes,
                            rate,
                            request->expires,
                            request->networks,
                            request->max_seats ? seats : NULL};
    snprintf(environment, sizeof(environment), "%d", (int)key.environment);
    snprintf(rate, sizeof(rate), "%lld", (long long)request->rate);
    snprintf(seats, sizeof(seats), "%lld", (long long)request->max_seats);
    sodium_bin2hex(hash, sizeof(hash), key.hash, sizeof(key.hash));
    return pg_client_query(client,
                           "SELECT api.key_create($1, $2, $3::smallint, $4, decode($5, 'hex'),"
                           " string_to_array($6, ','), $7::int, $8::timestamptz,"
                           " string_to_array($9, ',')::cidr[], $10::int)",
                           params, ARRAY_LENGTH(params));
}

static bool is_time(const char *text)
{
    int64_t us;
    return !*text || time_parse_rfc3339(text, strlen(text), &us) == 0;
}

static int insert(const struct options *options, enum api_key_environment environment)
{
    const struct key_request request = {.partner = options->partner,
                                        .name = options->name,
                                        .environment = environment,
                                        .scopes = options->scope,
                                        .rate = options->rate,
                                        .expires = command_text_or_null(options->expires),
                                        .networks = command_text_or_null(options->ip),
                                        .max_seats = options->max_seats};
    char text[API_KEY_TEXT_SIZE];
    struct pg_client *client = command_database(NAME, options->database);
    int rc = EXIT_FAILED;

    if (!client)
        return rc;
    if (key_create(client, &request, text) == 0) {
        puts(text);
        rc = EXIT_DONE;
    } else {
        command_database_failed(NAME, client);
    }
    pg_client_close(client);
    sodium_memzero(text, sizeof(text));
    return rc;
}

static int create(const void *data)
{
    const struct options *options = data;

    if (!is_time(options->expires))
        command_failed(NAME, "expires '%s' is no time such as 2030-01-31T12:00:00Z",
                       options->expires);
    else if (strcmp(options->environment, "live") == 0)
        return insert(options, API_KEY_LIVE);
    else if (strcmp(options->environment, "test") == 0)
        return insert(options, API_KEY_TEST);
    else
        command_failed(NAME, "environment '%s' is neither live nor test", options->environment);
    return EXIT_USAGE;
}

int command_key_create(int argc, char **argv)
{
    return command_run(&table, sizeof(struct options), argc, argv, create);
}
