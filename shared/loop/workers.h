/* Several processes of one daemon on one port. With one worker everything runs in the process
 * itself; with more, the process only supervises: it forks the workers before there is any loop,
 * passes SIGTERM, SIGINT and SIGHUP on to them, and starts those again that died. A worker never
 * outlives its supervisor, not even one that was killed.
 *
 * Workers share nothing but a page of counters: one slot per worker, written by that worker alone
 * and read by all, so that any of them can tell the sum. Slots hold aligned 64-bit numbers, which
 * no supported machine reads by halves; nothing else is promised about what a reader sees. */
#ifndef MH_WORKERS_H
#define MH_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/base.h"

#define WORKERS_MAX 64

struct workers;

struct workers_options {
    /* A worker's whole life; its result is the exit status. */
    int (*run)(void *owner);
    /* In the supervisor, on SIGHUP, before the workers hear of it: what later workers start with.
     * May be NULL. */
    void (*on_reload)(void *owner);
    /* In the supervisor: the worker of this slot is gone; resets what is true only of a living one.
     * May be NULL. */
    void (*on_lost)(void *owner, void *slot);
    void *owner;
};

/* `count` slots of `slot_bytes`, zeroed; the caller initializes them before workers_run. Ends the
 * process if there is no memory. */
struct workers *workers_new(unsigned count, size_t slot_bytes);
/* After workers_run, in every process that returns from it. NULL-safe. */
void workers_free(struct workers *workers);

/* Returns in each worker with what `run` returned, and in the supervisor when all workers have
 * ended: 0, 1 if one ended badly, or the status of one that failed before workers_ready, which
 * ends all: it would fail again. Only a restarted worker is tried over and over. */
MUST_CHECK int workers_run(struct workers *workers, const struct workers_options *options);
/* In a worker: it has started. */
void workers_ready(struct workers *workers);
/* Whether this process is a worker of a supervisor. */
bool workers_supervised(const struct workers *workers);

unsigned workers_count(const struct workers *workers);
void *workers_slot(const struct workers *workers, unsigned index);
/* The slot of this worker. */
void *workers_own_slot(const struct workers *workers);
/* Workers that run now, and how many were started again since the start. */
unsigned workers_alive(const struct workers *workers);
uint64_t workers_restarts(const struct workers *workers);

#endif
