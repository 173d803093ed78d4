/* metricsctl thread create, join, leave, list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metricsctl/command.h"
#include "shared/access/channel_name.h"
#include "shared/base/buffer.h"
#include "shared/postgres/pg_client.h"

#define CREATE_NAME "metricsctl thread create"
#define JOIN_NAME "metricsctl thread join"
#define LEAVE_NAME "metricsctl thread leave"
#define LIST_NAME "metricsctl thread list"

struct create_options {
    char *database, *partner, *kind, *subject, *participant;
};

static const struct setting create_settings[] = {
    DATABASE_SETTING(struct create_options),
    {.name = "partner",
     .type = SETTING_TEXT,
     .offset = offsetof(struct create_options, partner),
     .default_value = "",
     .maximum = CHANNEL_CODE_SIZE - 1,
     .help = "code of the partner whose people may take part beside staff; without it, only staff"},
    {.name = "kind",
     .type = SETTING_TEXT,
     .offset = offsetof(struct create_options, kind),
     .default_value = "group",
     .maximum = 16,
     .help = "group, or direct: two people, for good"},
    {.name = "subject",
     .type = SETTING_TEXT,
     .offset = offsetof(struct create_options, subject),
     .minimum = 1,
     .maximum = 800,
     .help = "as shown to people"},
    {.name = "participant",
     .type = SETTING_TEXT,
     .offset = offsetof(struct create_options, participant),
     .default_value = "",
     .maximum = 65536,
     .help = "id of a user, usr_…; several: repeat the option, or put commas between"},
};

static const struct settings_table create_table = {
    CREATE_NAME, "Creates a thread and prints its id; its channel is thread:<id>.", create_settings,
    ARRAY_LENGTH(create_settings)};

/* The value if argv[*index] is the option, else NULL; moves *index to the last word used. */
static const char *option_value(const char *option, int argc, char **argv, int *index)
{
    size_t length = strlen(option);

    if (strncmp(argv[*index], option, length) != 0)
        return NULL;
    if (argv[*index][length] == '=')
        return argv[*index] + length + 1;
    return argv[*index][length] == '\0' && *index + 1 < argc ? argv[++*index] : NULL;
}

/* Makes one option with commas of one that is repeated: of several values of a setting, the last
 * would hold. `merged` holds the text that argv then points to. */
static void merge_option(const char *option, int *argc, char **argv, struct buffer *merged)
{
    int kept = 1;

    for (int i = 1; i < *argc; i++) {
        int first = i;
        const char *value = option_value(option, *argc, argv, &i);
        if (!value) {
            argv[kept++] = argv[first];
            continue;
        }
        buffer_append_text(merged, merged->length ? "," : option);
        if (merged->length == strlen(option))
            buffer_append_text(merged, "=");
        buffer_append_text(merged, value);
    }
    if (merged->length) {
        buffer_append(merged, "", 1);
        argv[kept++] = merged->data;
    }
    *argc = kept;
}

static int create(const void *data)
{
    const struct create_options *options = data;
    const char *params[] = {command_text_or_null(options->partner), options->kind, options->subject,
                            options->participant};
    struct pg_client *client =
        command_query(CREATE_NAME, options->database,
                      "SELECT api.thread_create($1, $2, $3, string_to_array($4, ','))", params, 4);

    if (!client)
        return EXIT_FAILED;
    puts(pg_client_text(client, 0, 0));
    pg_client_close(client);
    return EXIT_DONE;
}

int command_thread_create(int argc, char **argv)
{
    struct buffer participants = BUFFER_INIT;

    merge_option("--participant", &argc, argv, &participants);
    int rc = command_run(&create_table, sizeof(struct create_options), argc, argv, create);
    buffer_done(&participants);
    return rc;
}

struct member_options {
    char *database, *thread, *user;
};

static const struct setting member_settings[] = {
    DATABASE_SETTING(struct member_options),
    {.name = "thread",
     .type = SETTING_TEXT,
     .offset = offsetof(struct member_options, thread),
     .minimum = 1,
     .maximum = 40,
     .help = "id of the thread, thr_…"},
    {.name = "user",
     .type = SETTING_TEXT,
     .offset = offsetof(struct member_options, user),
     .minimum = 1,
     .maximum = 40,
     .help = "id of the user, usr_…"},
};

static const struct settings_table join_table = {
    JOIN_NAME, "Lets a user take part in a thread, from its next message on.", member_settings,
    ARRAY_LENGTH(member_settings)};
static const struct settings_table leave_table = {LEAVE_NAME, "Ends a user's part in a thread.",
                                                  member_settings, ARRAY_LENGTH(member_settings)};

static int change_member(const struct settings_table *table, const char *sql,
                         const struct member_options *options)
{
    const char *params[] = {options->thread, options->user};
    struct pg_client *client = command_query(table->program, options->database, sql, params, 2);
    int rc = EXIT_DONE;

    if (!client)
        return EXIT_FAILED;
    const char *done = pg_client_text(client, 0, 0);
    if (done && strcmp(done, "f") == 0)
        rc = command_failed(table->program, "%s takes no part in %s", options->user,
                            options->thread);
    pg_client_close(client);
    return rc;
}

static int join(const void *data)
{
    return change_member(&join_table, "SELECT api.thread_join($1, $2)", data);
}

int command_thread_join(int argc, char **argv)
{
    return command_run(&join_table, sizeof(struct member_options), argc, argv, join);
}

static int leave(const void *data)
{
    return change_member(&leave_table, "SELECT api.thread_leave($1, $2)", data);
}

int command_thread_leave(int argc, char **argv)
{
    return command_run(&leave_table, sizeof(struct member_options), argc, argv, leave);
}

struct list_options {
    char *database, *partner;
};

static const struct setting list_settings[] = {
    DATABASE_SETTING(struct list_options),
    {.name = "partner",
     .type = SETTING_TEXT,
     .offset = offsetof(struct list_options, partner),
     .default_value = "",
     .maximum = CHANNEL_CODE_SIZE - 1,
     .help = "only this partner's"},
};

static const struct settings_table list_table = {
    LIST_NAME,
    "Lists the threads: id, partner, kind, participants, last seq and subject, separated by tabs.",
    list_settings, ARRAY_LENGTH(list_settings)};

static int list(const void *data)
{
    const struct list_options *options = data;
    const char *params[] = {command_text_or_null(options->partner)};
    struct pg_client *client =
        command_query(LIST_NAME, options->database,
                      "SELECT id, coalesce(partner, '-'), kind, participants, last_seq, subject"
                      " FROM api.threads($1)",
                      params, 1);

    if (!client)
        return EXIT_FAILED;
    for (int row = 0; row < pg_client_rows(client); row++) {
        for (int column = 0; column < 6; column++)
            printf("%s%c", pg_client_text(client, row, column), column < 5 ? '\t' : '\n');
    }
    pg_client_close(client);
    return EXIT_DONE;
}

int command_thread_list(int argc, char **argv)
{
    return command_run(&list_table, sizeof(struct list_options), argc, argv, list);
}
