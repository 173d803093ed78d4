#include "shared/loop/workers.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

/* Workers do not write to each other's cache lines. */
#define SLOT_ALIGNMENT 128
/* The first restart is immediate, the next ones wait; a worker that lived this long starts anew. */
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 10000
#define SETTLED_MS 10000

static const int handled_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};

/* What supervisor and workers tell each other, at the head of the page. */
struct head {
    atomic_uint alive;
    atomic_ullong restarts;
    atomic_bool ready[WORKERS_MAX];
};

struct worker {
    pid_t pid; /* 0: none */
    int64_t started_ms, due_ms;
    unsigned failures; /* in a row */
    bool restarted;
};

struct workers {
    const struct workers_options *options;
    unsigned count, own;
    size_t slot_bytes, page_bytes;
    struct head *head;
    unsigned char *slots;
    bool supervised, stopping;
    int status; /* of the supervisor */
    struct worker worker[WORKERS_MAX];
};

static size_t round_up(size_t size)
{
    return (size + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
}

struct workers *workers_new(unsigned count, size_t slot_bytes)
{
    struct workers *workers = memory_zalloc(sizeof(*workers));
    workers->count = count < WORKERS_MAX ? count : WORKERS_MAX;
    workers->slot_bytes = round_up(slot_bytes);
    workers->page_bytes = round_up(sizeof(struct head)) + workers->count * workers->slot_bytes;
    void *page =
        mmap(NULL, workers->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        log_error("no memory for the counters of %u workers: %s", count, strerror(errno));
        abort();
    }
    workers->head = page;
    workers->slots = (unsigned char *)page + round_up(sizeof(struct head));
    return workers;
}

void workers_free(struct workers *workers)
{
    if (!workers)
        return;
    munmap(workers->head, workers->page_bytes);
    free(workers);
}

/* ---- a worker ---- */

/* The signals stay blocked until process_init has its handlers, so that none is lost or ends a
 * worker that has only begun. */
static int become_worker(struct workers *workers, unsigned index, pid_t supervisor)
{
    workers->own = index;
    workers->supervised = true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        return EXIT_FAILURE; /* it died before that */
    return workers->options->run(workers->options->owner);
}

/* ---- the supervisor ---- */

static int64_t now_ms(void)
{
    return time_monotonic_us() / 1000;
}

static void pass_on(const struct workers *workers, int signal)
{
    for (unsigned i = 0; i < workers->count; i++)
        if (workers->worker[i].pid)
            kill(workers->worker[i].pid, signal);
}

static void stop(struct workers *workers, int signal)
{
    workers->stopping = true;
    pass_on(workers, signal);
}

static void schedule(struct worker *worker)
{
    int64_t delay_ms = 0;
    if (now_ms() - worker->started_ms >= SETTLED_MS)
        worker->failures = 0;
    if (worker->failures)
        delay_ms = BACKOFF_FIRST_MS << (worker->failures < 8 ? worker->failures - 1 : 7);
    worker->failures++;
    worker->due_ms = now_ms() + (delay_ms < BACKOFF_LAST_MS ? delay_ms : BACKOFF_LAST_MS);
}

/* True in the new worker. */
static bool start(struct workers *workers, unsigned index)
{
    struct worker *worker = &workers->worker[index];
    pid_t supervisor = getpid();
    atomic_store(&workers->head->ready[index], false);
    worker->started_ms = now_ms();
    pid_t pid = fork();
    if (pid == 0) {
        workers->status = become_worker(workers, index, supervisor);
        return true;
    }
    if (pid < 0) {
        log_error("worker %u does not start: %s", index, strerror(errno));
        schedule(worker);
        return false;
    }
    worker->pid = pid;
    atomic_fetch_add(&workers->head->alive, 1);
    if (worker->restarted) {
        atomic_fetch_add(&workers->head->restarts, 1);
        log_info("worker %u is started again (pid %d)", index, (int)pid);
    }
    return false;
}

/* True in a new worker. */
static bool start_due(struct workers *workers)
{
    for (unsigned i = 0; i < workers->count && !workers->stopping; i++)
        if (!workers->worker[i].pid && workers->worker[i].due_ms <= now_ms() && start(workers, i))
            return true;
    return false;
}

static void log_end(unsigned index, const struct worker *worker, int status)
{
    if (WIFSIGNALED(status))
        log_error("worker %u (pid %d) was ended by signal %d (%s)", index, (int)worker->pid,
                  WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        log_error("worker %u (pid %d) ended with status %d", index, (int)worker->pid,
                  WEXITSTATUS(status));
}

static void on_end(struct workers *workers, unsigned index, int status)
{
    struct worker *worker = &workers->worker[index];
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    bool hopeless = WIFEXITED(status) && !good && !worker->restarted &&
                    !atomic_load(&workers->head->ready[index]);
    if (!good || !workers->stopping)
        log_end(index, worker, status);
    worker->pid = 0;
    atomic_fetch_sub(&workers->head->alive, 1);
    if (workers->options->on_lost)
        workers->options->on_lost(workers->options->owner, workers_slot(workers, index));
    if (hopeless && !workers->stopping) {
        workers->status = WEXITSTATUS(status);
        stop(workers, SIGTERM);
    } else if (workers->stopping) {
        workers->status = good || workers->status ? workers->status : EXIT_FAILURE;
    } else {
        worker->restarted = true;
        schedule(worker);
    }
}

static void reap(struct workers *workers)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (unsigned i = 0; i < workers->count; i++)
            if (workers->worker[i].pid == pid)
                on_end(workers, i, status);
}

static void on_signal(struct workers *workers, int signal)
{
    if (signal == SIGHUP && !workers->stopping) {
        if (workers->options->on_reload)
            workers->options->on_reload(workers->options->owner);
        pass_on(workers, SIGHUP);
    } else if ((signal == SIGTERM || signal == SIGINT) && workers->stopping) {
        _exit(128 + signal); /* the workers die with it */
    } else if (signal == SIGTERM || signal == SIGINT) {
        log_info("%s: the workers are stopped", signal == SIGTERM ? "SIGTERM" : "SIGINT");
        stop(workers, signal);
    }
}

static int wait_for_signal(const struct workers *workers, const sigset_t *set)
{
    int64_t due_ms = INT64_MAX, now = now_ms();
    for (unsigned i = 0; i < workers->count && !workers->stopping; i++)
        if (!workers->worker[i].pid && workers->worker[i].due_ms < due_ms)
            due_ms = workers->worker[i].due_ms;
    if (due_ms == INT64_MAX)
        return sigwaitinfo(set, NULL);
    int64_t wait_ms = due_ms > now ? due_ms - now : 0;
    struct timespec timeout = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    return sigtimedwait(set, NULL, &timeout);
}

/* Signals are waited for, never handled: nothing here needs to be safe inside a handler. */
static int supervise(struct workers *workers)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LENGTH(handled_signals); i++)
        sigaddset(&set, handled_signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    while (!workers->stopping || atomic_load(&workers->head->alive)) {
        if (start_due(workers))
            break; /* here is a worker that has ended */
        int signal = wait_for_signal(workers, &set);
        if (signal > 0)
            on_signal(workers, signal);
        reap(workers);
    }
    return workers->status;
}

int workers_run(struct workers *workers, const struct workers_options *options)
{
    workers->options = options;
    json_object_seed(0); /* once for all: it is not made for many processes at a time */
    if (workers->count == 1) {
        atomic_store(&workers->head->alive, 1);
        return options->run(options->owner);
    }
    return supervise(workers);
}

void workers_ready(struct workers *workers)
{
    atomic_store(&workers->head->ready[workers->own], true);
}

/* ---- reading ---- */

bool workers_supervised(const struct workers *workers)
{
    return workers->supervised;
}

unsigned workers_count(const struct workers *workers)
{
    return workers->count;
}

void *workers_slot(const struct workers *workers, unsigned index)
{
    return workers->slots + index * workers->slot_bytes;
}

void *workers_own_slot(const struct workers *workers)
{
    return workers_slot(workers, workers->own);
}

unsigned workers_alive(const struct workers *workers)
{
    return atomic_load(&workers->head->alive);
}

uint64_t workers_restarts(const struct workers *workers)
{
    return atomic_load(&workers->head->restarts);
}
