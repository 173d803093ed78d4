/* metricsctl key list. */
#include <stdio.h>

#include "metricsctl/command.h"
#include "shared/access/channel_name.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl key list"

struct options {
    char *database, *partner;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "partner",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, partner),
     .default_value = "",
     .maximum = CHANNEL_CODE_SIZE - 1,
     .help = "only those of this partner"},
};

static const struct settings_table table = {
    NAME,
    "Lists the API keys, oldest first, separated by tabs: partner, public id, environment, state\n"
    "(active, retiring, expired, revoked), scopes, requests, events, seats/most, last use, end, "
    "name.",
    settings, ARRAY_LENGTH(settings)};

#define COLUMNS 11

static int list(const void *data)
{
    const struct options *options = data;
    const char *params[] = {command_text_or_null(options->partner)};
    struct pg_client *client = command_query(
        NAME, options->database,
        "SELECT partner, public_id, CASE environment WHEN 0 THEN 'live' ELSE 'test' END, state,"
        " array_to_string(scopes, ','), requests, events, seats || coalesce('/' || max_seats, ''),"
        " coalesce(to_char(last_used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
        "'-'),"
        " coalesce(to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), '-'),"
        " name FROM api.keys($1)",
        params, 1);

    if (!client)
        return EXIT_FAILED;
    for (int row = 0; row < pg_client_rows(client); row++)
        for (int column = 0; column < COLUMNS; column++)
            printf("%s%c", pg_client_text(client, row, column), column + 1 < COLUMNS ? '\t' : '\n');
    pg_client_close(client);
    return EXIT_DONE;
}

int command_key_list(int argc, char **argv)
{
    return command_run(&table, sizeof(struct options), argc, argv, list);
}
