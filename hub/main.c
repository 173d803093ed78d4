/* metrics-hub: live metrics over WebSocket. See hub.h. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "hub/hub.h"
#include "shared/access/token.h"
#include "shared/base/log.h"
#include "shared/loop/process.h"
#include "shared/loop/workers.h"

struct program {
    struct process process;
    struct hub_settings settings;
    struct hub hub;
    struct workers *workers;
    char *secret;
    size_t secret_length;
    struct tls *tls;
    int argc;
    char **argv;
};

static void on_stop(void *owner)
{
    struct program *program = owner;
    log_info("stopping: %llu connections are told to reconnect, within %lld s",
             (unsigned long long)program->hub.stats->connections,
             (long long)program->settings.drain_seconds);
    hub_stop(&program->hub);
}

static void on_reload(void *owner)
{
    struct program *program = owner;
    enum log_level level;
    tls_reload(program->tls);
    if (settings_reload(&hub_settings_table, program->argc, program->argv, &program->settings)) {
        log_warning("settings are unchanged");
        return;
    }
    if (log_level_parse(program->settings.log_level, &level) == 0)
        log_init("metrics-hub", level);
    log_info("settings read again");
    if (program->hub.settings) /* not in the supervisor */
        hub_reload(&program->hub);
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

/* The hub wakes for each message. As a batch process it waits until the sender, which often has the
 * same processor, is done instead of interrupting it: fewer changes of context, and more messages
 * per turn. */
static void let_senders_finish(void)
{
    const struct sched_param parameters = {0};
    if (sched_setscheduler(0, SCHED_BATCH, &parameters))
        log_warning("cannot become a batch process: %s", strerror(errno));
}

/* A worker's life. */
static int run(void *owner)
{
    struct program *program = owner;
    let_senders_finish();
    program->process.supervised = workers_supervised(program->workers);
    int error = process_init(&program->process);
    if (error) {
        log_error("the loop does not start: %s", strerror(-error));
        return EXIT_FAILURE;
    }
    const struct hub_means means = {.settings = &program->settings,
                                    .workers = program->workers,
                                    .secret = program->secret,
                                    .secret_length = program->secret_length,
                                    .tls = program->tls};
    error = hub_start(&program->hub, &program->process.loop, &means);
    if (error) {
        log_error("the hub does not start (listen = %s): %s", program->settings.listen,
                  strerror(-error));
        process_stop(&program->process);
    } else {
        workers_ready(program->workers);
        log_info("live on %s://%s/connection/websocket", program->tls ? "wss" : "ws",
                 program->settings.listen);
    }
    process_run(&program->process);
    hub_done(&program->hub);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void on_worker_lost(void *owner, void *slot)
{
    (void)owner;
    hub_stats_reset_gauges(slot);
}

static int run_workers(struct program *program)
{
    const struct workers_options options = {
        .run = run, .on_reload = on_reload, .on_lost = on_worker_lost, .owner = program};
    program->workers = workers_new((unsigned)program->settings.workers, sizeof(struct hub_stats));
    for (unsigned i = 0; i < workers_count(program->workers); i++)
        hub_stats_init(workers_slot(program->workers, i));
    int status = workers_run(program->workers, &options);
    workers_free(program->workers);
    return status;
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
    int status = 2;
    if (read_secret(&program) == 0 &&
        tls_open(program.settings.tls_certificate, program.settings.tls_key, &program.tls) == 0)
        status = run_workers(&program);
    tls_free(program.tls);
    secret_free(program.secret, program.secret_length);
    settings_done(&hub_settings_table, &program.settings);
    return status;
}
