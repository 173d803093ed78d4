/* Skeleton of a daemon: one libuv loop, signals, orderly end. SIGTERM and SIGINT call on_stop once
 * (a second one ends the process at once, unless it is supervised); SIGHUP calls on_reload. SIGPIPE
 * is ignored. The loop ends when on_stop's work has closed every handle. */
#ifndef MH_PROCESS_H
#define MH_PROCESS_H

#include <stdbool.h>
#include <uv.h>

#include "shared/base/base.h"

struct process {
    uv_loop_t loop;
    uv_signal_t signals[3];
    void (*on_stop)(void *owner);
    void (*on_reload)(void *owner); /* may be NULL */
    void *owner;
    /* A second SIGTERM is nothing: the supervisor passes on what a service manager may have sent to
     * every process of the group already, and kills when it really is the second. */
    bool supervised;
    int stopping;
};

/* 0 or a negative errno. The caller fills the callbacks first. Raises RLIMIT_NOFILE to its hard
 * limit and seeds jansson's hash. */
MUST_CHECK int process_init(struct process *process);
/* Runs until every handle is closed; closes the loop. */
void process_run(struct process *process);
/* As if SIGTERM had come; for fatal run-time errors. */
void process_stop(struct process *process);

#endif
