/* metrics-hub: live metrics over WebSocket. See hub.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"
#include "shared/access/token.h"
#include "shared/base/log.h"
#include "shared/loop/process.h"

struct program {
    struct process process;
    struct hub_settings settings;
    struct hub hub;
    char *secret;
    size_t secret_length;
    int argc;
    char **argv;
};

static void on_stop(void *owner)
{
    struct program *program = owner;
    log_info("stopping: %llu connections are told to reconnect",
             (unsigned long long)program->hub.stats.connections);
    hub_stop(&program->hub);
}

static void on_reload(void *owner)
{
    struct program *program = owner;
    enum log_level level;
    if (settings_reload(&hub_settings_table, program->argc, program->argv, &program->settings))
        return;
    if (log_level_parse(program->settings.log_level, &level) == 0)
        log_init("metrics-hub", level);
    log_info("settings read again");
}

static int read_secret(struct program *program)
{
    int error =
        secret_read(program->settings.token_secret_file, &program->secret, &program->secret_length);
    if (error == -EPERM)
        log_error("%s: others may read this file: chmod 600 it",
                  program->settings.token_secret_file);
    else if (error)
        log_error("%s: %s", program->settings.token_secret_file, strerror(-error));
    else if (program->secret_length < TOKEN_SECRET_MIN_BYTES)
        log_error("%s: at least %d bytes are needed", program->settings.token_secret_file,
                  TOKEN_SECRET_MIN_BYTES);
    return error || program->secret_length < TOKEN_SECRET_MIN_BYTES ? -1 : 0;
}

static int run(struct program *program)
{
    int error = process_init(&program->process);
    if (error) {
        log_error("the loop does not start: %s", strerror(-error));
        return EXIT_FAILURE;
    }
    error = hub_start(&program->hub, &program->process.loop, &program->settings, program->secret,
                      program->secret_length);
    if (error) {
        log_error("the hub does not start (listen = %s): %s", program->settings.listen,
                  strerror(-error));
        process_stop(&program->process);
    } else {
        log_info("live on ws://%s/connection/websocket", program->settings.listen);
    }
    process_run(&program->process);
    hub_done(&program->hub);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct program program;
    enum log_level level;
    log_init("metrics-hub", LOG_LEVEL_INFO);
    enum settings_outcome outcome =
        settings_load(&hub_settings_table, argc, argv, &program.settings);
    if (outcome != SETTINGS_OK)
        return outcome == SETTINGS_HELP_SHOWN ? EXIT_SUCCESS : 2;
    if (log_level_parse(program.settings.log_level, &level)) {
        log_error("log_level: %s is not debug, info, warning or error", program.settings.log_level);
        return 2;
    }
    log_init("metrics-hub", level);
    program.argc = argc;
    program.argv = argv;
    program.process.on_stop = on_stop;
    program.process.on_reload = on_reload;
    program.process.owner = &program;
    int status = read_secret(&program) ? 2 : run(&program);
    secret_free(program.secret, program.secret_length);
    settings_done(&hub_settings_table, &program.settings);
    return status;
}
