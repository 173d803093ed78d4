/* What the commands of metricsctl share: their table, exit codes, error lines, options and the
 * administrator's database connection. A command writes its result, and nothing else, to stdout;
 * everything for people goes to stderr. */
#ifndef MH_COMMAND_H
#define MH_COMMAND_H

#include <stddef.h>

#include "shared/base/base.h"
#include "shared/base/settings.h"

struct pg_client;

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_HELP_SHOWN = -1 };

struct command {
    const char *name; /* one or two words */
    const char *summary;
    int (*run)(int argc, char **argv); /* argv[0] is the command's whole name */
};

#define COMMAND_TABLE(X)                                                                           \
    X("migrate", "bring a database's schema up to date", command_migrate)                          \
    X("login-role", "give the daemons' database roles new passwords", command_login_role)          \
    X("bootstrap-owner", "make the first owner and print a one-time sign-in link",                 \
      command_bootstrap_owner)                                                                     \
    X("partner create", "create a partner", command_partner_create)                                \
    X("partner list", "list the partners", command_partner_list)                                   \
    X("partner status", "suspend a partner, or take it back", command_partner_status)              \
    X("user create", "create a user", command_user_create)                                         \
    X("user role", "give a user a role, or take all away", command_user_role)                      \
    X("key create", "create an API key of a partner and show it once", command_key_create)         \
    X("key rotate", "replace an API key by a new one, shown once", command_key_rotate)             \
    X("key revoke", "revoke an API key", command_key_revoke)                                       \
    X("key list", "list the API keys", command_key_list)                                           \
    X("model set", "make or change a model's configuration", command_model_set)                    \
    X("thread create", "create a thread of messages", command_thread_create)                       \
    X("thread join", "let a user take part in a thread", command_thread_join)                      \
    X("thread leave", "end a user's part in a thread", command_thread_leave)                       \
    X("thread list", "list the threads", command_thread_list)                                      \
    X("link", "print a one-time sign-in link for a user", command_link)                            \
    X("token", "print a session token for command-line clients", command_token)                    \
    X("audit list", "list the newest entries of the audit trail", command_audit_list)              \
    X("audit verify", "prove that nobody changed the audit trail", command_audit_verify)           \
    X("doctor", "check the installation, and why a user does not see something", command_doctor)   \
    X("replay", "post the events of a recorded trace", command_replay)                             \
    X("replay-setup", "create the partners and keys that replay needs", command_replay_setup)      \
    X("simulate", "post made-up traffic until stopped", command_simulate)

#define X(name, summary, function) int function(int argc, char **argv);
COMMAND_TABLE(X)
#undef X

/* One line on stderr: `metricsctl <command>: <message>`; returns EXIT_FAILED. */
int command_failed(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

/* Reads the options of `table` into `target`. 0, or how to exit: EXIT_USAGE after an error line,
 * EXIT_HELP_SHOWN (which is success) after --help. */
MUST_CHECK int command_options(const struct settings_table *table, int argc, char **argv,
                               void *target);

/* The whole of a command that has options and no more: reads them into a zeroed struct of that size
 * and hands it to `run`, which returns an exit code. */
int command_run(const struct settings_table *table, size_t options_bytes, int argc, char **argv,
                int (*run)(const void *options));

/* Takes a first argument that is no option out of the command line; *ret_path is NULL without one.
 */
void command_file_argument(int *argc, char ***argv, const char **ret_path);

/* Option that every command with a database has; goes into a member `char *database`. */
#define DATABASE_SETTING(options_struct)                                                           \
    {                                                                                              \
        .name = "database", .type = SETTING_TEXT, .offset = offsetof(options_struct, database),    \
        .minimum = 1, .maximum = 4096, .secret = true,                                             \
        .help = "libpq connection string of an administrator; better in --config than here"        \
    }

/* NULL for an option that was left empty, for SQL. */
const char *command_text_or_null(const char *text);

/* The connection, or NULL after an error line. */
struct pg_client *command_database(const char *command, const char *dsn);
/* Connects and runs one statement; the client holds its result. NULL after an error line. */
struct pg_client *command_query(const char *command, const char *dsn, const char *sql,
                                const char *const *params, int param_count);
/* Error line with the server's message; returns EXIT_FAILED. */
int command_database_failed(const char *command, const struct pg_client *client);

#endif
