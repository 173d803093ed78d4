/* metricsctl user create: a staff user, or a member of one partner; user role. */
#include <stdio.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/access/role.h"
#include "shared/postgres/pg_client.h"

#define NAME "metricsctl user create"

struct options {
    char *database, *name, *email, *staff, *partner, *role;
};

static const struct setting settings[] = {
    DATABASE_SETTING(struct options),
    {.name = "name",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, name),
     .minimum = 1,
     .maximum = 120,
     .help = "the person's name"},
    {.name = "email",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, email),
     .default_value = "",
     .maximum = 254,
     .help = "e-mail address, if known"},
    {.name = "staff",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, staff),
     .default_value = "",
     .maximum = 32,
     .help = "staff role: owner, admin, ops, support, billing or viewer"},
    {.name = "partner",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, partner),
     .default_value = "",
     .maximum = 32,
     .help = "code of the partner that the user belongs to; needs --role, excludes --staff"},
    {.name = "role",
     .type = SETTING_TEXT,
     .offset = offsetof(struct options, role),
     .default_value = "",
     .maximum = 32,
     .help = "role there: admin, manager, developer or viewer"},
};

static const struct settings_table table = {NAME, "Creates a user and prints the user's id.",
                                            settings, ARRAY_LENGTH(settings)};

static bool role_exists(const char *scope, const char *name)
{
    char text[64];
    enum role role;

    snprintf(text, sizeof(text), "%s.%s", scope, name);
    return role_parse(text, &role) == 0;
}

/* 0, or EXIT_USAGE after an error line. */
static int check(const struct options *options)
{
    if (*options->staff && (*options->partner || *options->role))
        command_failed(NAME, "--staff excludes --partner and --role: staff belong to no partner");
    else if (!*options->partner != !*options->role)
        command_failed(NAME, "--partner and --role go together");
    else if (*options->staff && !role_exists("staff", options->staff))
        command_failed(NAME, "there is no staff role '%s'; see --help", options->staff);
    else if (*options->role && !role_exists("partner", options->role))
        command_failed(NAME, "there is no partner role '%s'; see --help", options->role);
    else
        return 0;
    return EXIT_USAGE;
}

static int create(const void *data)
{
    const struct options *options = data;
    const char *params[] = {
        options->name, command_text_or_null(options->email), command_text_or_null(options->staff),
        command_text_or_null(options->partner), command_text_or_null(options->role)};
    int rc = check(options);

    if (rc)
        return rc;
    struct pg_client *client = command_query(
        NAME, options->database, "SELECT api.user_create($1, $2, $3, $4, $5)", params, 5);

    if (!client)
        return EXIT_FAILED;
    puts(pg_client_text(client, 0, 0));
    pg_client_close(client);
    return EXIT_DONE;
}

int command_user_create(int argc, char **argv)
{
    return command_run(&table, sizeof(struct options), argc, argv, create);
}

struct role_options {
    char *database, *user, *role, *partner;
};

static const struct setting role_settings[] = {
    DATABASE_SETTING(struct role_options),
    {.name = "user",
     .type = SETTING_TEXT,
     .offset = offsetof(struct role_options, user),
     .minimum = 1,
     .maximum = 40,
     .help = "id of the user, usr_…"},
    {.name = "role",
     .type = SETTING_TEXT,
     .offset = offsetof(struct role_options, role),
     .minimum = 1,
     .maximum = 32,
     .help = "without --partner a staff role, or user: none at all; with it admin, manager, "
             "developer or viewer, or partner: manager"},
    {.name = "partner",
     .type = SETTING_TEXT,
     .offset = offsetof(struct role_options, partner),
     .default_value = "",
     .maximum = 32,
     .help = "code of the partner in which the user gets the role"},
};

static const struct settings_table role_table = {
    "metricsctl user role", "Gives a user a role, as staff or in a partner; it holds at once.",
    role_settings, ARRAY_LENGTH(role_settings)};

static int check_role(const struct role_options *options)
{
    const char *scope = *options->partner ? "partner" : "staff";
    const char *none = *options->partner ? "partner" : "user";

    if (strcmp(options->role, none) == 0 || role_exists(scope, options->role))
        return 0;
    command_failed(role_table.program, "there is no %s role '%s'; see --help", scope,
                   options->role);
    return EXIT_USAGE;
}

static int assign(const void *data)
{
    const struct role_options *options = data;
    const char *params[] = {options->user, options->role, command_text_or_null(options->partner)};
    int rc = check_role(options);

    if (rc)
        return rc;
    struct pg_client *client = command_query(role_table.program, options->database,
                                             "SELECT api.assign_user_role($1, $2, $3)", params, 3);
    if (!client)
        return EXIT_FAILED;
    pg_client_close(client);
    return EXIT_DONE;
}

int command_user_role(int argc, char **argv)
{
    return command_run(&role_table, sizeof(struct role_options), argc, argv, assign);
}
