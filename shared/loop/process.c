#include "shared/loop/process.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shared/base/log.h"

static const int handled_signals[] = {SIGTERM, SIGINT, SIGHUP};

void process_stop(struct process *process)
{
    if (process->stopping)
        return;
    process->stopping = 1;
    /* They stay open for a second signal, but no longer keep the loop alive. */
    for (size_t i = 0; i < ARRAY_LENGTH(handled_signals); i++)
        uv_unref((uv_handle_t *)&process->signals[i]);
    process->on_stop(process->owner);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct process *process = handle->data;
    if (number == SIGHUP) {
        if (process->on_reload && !process->stopping)
            process->on_reload(process->owner);
        return;
    }
    if (process->stopping && process->supervised)
        return;
    if (process->stopping)
        _exit(128 + number);
    log_info("%s: stopping", number == SIGTERM ? "SIGTERM" : "SIGINT");
    process_stop(process);
}

static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("cannot raise the limit of open files: %s", strerror(errno));
}

/* A supervisor starts its workers with the signals blocked. */
static void unblock_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < ARRAY_LENGTH(handled_signals); i++)
        sigaddset(&set, handled_signals[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int process_init(struct process *process)
{
    process->stopping = 0;
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    json_object_seed(0);
    if (sodium_init() < 0)
        return -EIO;
    int fault = uv_loop_init(&process->loop);
    for (size_t i = 0; i < ARRAY_LENGTH(handled_signals) && !fault; i++) {
        process->signals[i].data = process;
        fault = uv_signal_init(&process->loop, &process->signals[i]);
        if (!fault)
            fault = uv_signal_start(&process->signals[i], on_signal, handled_signals[i]);
    }
    unblock_signals();
    return fault;
}

void process_run(struct process *process)
{
    uv_run(&process->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < ARRAY_LENGTH(handled_signals); i++)
        uv_close((uv_handle_t *)&process->signals[i], NULL);
    uv_run(&process->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&process->loop))
        log_error("a handle was left open at the end");
}
