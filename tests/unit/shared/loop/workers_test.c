#include "shared/loop/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/time.h"
#include "tests/unit/test.h"

#define DEADLINE_US INT64_C(10000000)

/* One per worker, on the page; the test reads it through the page that it made. */
struct slot {
    uint64_t runs, hangups, gauge;
    uint64_t pid;
};

struct daemon {
    struct workers *workers;
    pid_t supervisor;
    int status;     /* of a worker that was told to stop */
    int fail_first; /* status with which a first worker ends at once; 0: it lives */
    bool stubborn;  /* does not stop */
};

static struct slot *slot_of(const struct daemon *daemon, unsigned index)
{
    return workers_slot(daemon->workers, index);
}

static bool until(bool (*probe)(const struct daemon *daemon), const struct daemon *daemon)
{
    int64_t end_us = time_monotonic_us() + DEADLINE_US;
    while (!probe(daemon)) {
        struct timespec moment = {.tv_nsec = 1000000};
        if (time_monotonic_us() > end_us)
            return false;
        nanosleep(&moment, NULL);
    }
    return true;
}

/* A worker without a loop: waits for its signals, which the supervisor left blocked. */
static int run(void *owner)
{
    struct daemon *daemon = owner;
    struct slot *slot = workers_own_slot(daemon->workers);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    slot->runs++;
    slot->gauge = 1;
    if (daemon->fail_first && slot == slot_of(daemon, 0))
        return daemon->fail_first;
    slot->pid = (uint64_t)getpid();
    workers_ready(daemon->workers);
    for (;;) {
        int signal = sigwaitinfo(&set, NULL);
        if (signal == SIGHUP)
            slot->hangups++;
        else if (signal == SIGTERM && !daemon->stubborn)
            return daemon->status;
    }
}

static void on_reload(void *owner)
{
    struct daemon *daemon = owner;
    daemon->status = 0;
}

static void on_lost(void *owner, void *slot)
{
    (void)owner;
    ((struct slot *)slot)->gauge = 0;
    ((struct slot *)slot)->pid = 0;
}

static void begin(struct daemon *daemon, unsigned count)
{
    const struct workers_options options = {
        .run = run, .on_reload = on_reload, .on_lost = on_lost, .owner = daemon};
    daemon->workers = workers_new(count, sizeof(struct slot));
    daemon->supervisor = fork();
    if (daemon->supervisor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(workers_run(daemon->workers, &options));
    }
}

static int end(struct daemon *daemon, int signal)
{
    int status = 0;
    if (signal)
        kill(daemon->supervisor, signal);
    assert_int_equal(waitpid(daemon->supervisor, &status, 0), daemon->supervisor);
    return status;
}

static bool all_run(const struct daemon *daemon)
{
    unsigned running = 0;
    for (unsigned i = 0; i < workers_count(daemon->workers); i++)
        running += slot_of(daemon, i)->pid != 0;
    return running == workers_count(daemon->workers);
}

static bool all_heard_hangup(const struct daemon *daemon)
{
    unsigned heard = 0;
    for (unsigned i = 0; i < workers_count(daemon->workers); i++)
        heard += slot_of(daemon, i)->hangups == 1;
    return heard == workers_count(daemon->workers);
}

static bool restarted_once(const struct daemon *daemon)
{
    return workers_restarts(daemon->workers) == 1 && all_run(daemon);
}

static bool restarted_thrice(const struct daemon *daemon)
{
    return workers_restarts(daemon->workers) >= 3;
}

static bool gone(const struct daemon *daemon)
{
    for (unsigned i = 0; i < workers_count(daemon->workers); i++) {
        pid_t pid = (pid_t)slot_of(daemon, i)->pid;
        (void)waitpid(pid, NULL, WNOHANG); /* we inherited it */
        if (kill(pid, 0) == 0 || errno != ESRCH)
            return false;
    }
    return true;
}

static void test_slots_are_apart(void **state)
{
    (void)state;
    struct workers *workers = workers_new(3, 200);
    assert_int_equal(workers_count(workers), 3);
    for (unsigned i = 0; i < 3; i++) {
        unsigned char *slot = workers_slot(workers, i);
        assert_int_equal((uintptr_t)slot % 64, 0);
        for (int at = 0; at < 200; at++)
            assert_int_equal(slot[at], 0);
        memset(slot, 0xFF, 200);
    }
    workers_free(workers);
    workers_free(NULL);
}

static int run_once(void *owner)
{
    struct daemon *daemon = owner;
    assert_false(workers_supervised(daemon->workers));
    assert_int_equal(workers_alive(daemon->workers), 1);
    assert_int_equal(getpid(), daemon->supervisor);
    return 7;
}

static void test_one_runs_in_the_process_itself(void **state)
{
    (void)state;
    struct daemon daemon = {.workers = workers_new(1, 8), .supervisor = getpid()};
    const struct workers_options options = {.run = run_once, .owner = &daemon};
    assert_int_equal(workers_run(daemon.workers, &options), 7);
    workers_free(daemon.workers);
}

static void test_signals_are_passed_on(void **state)
{
    (void)state;
    struct daemon daemon = {.status = 0};
    begin(&daemon, 3);
    assert_true(until(all_run, &daemon));
    assert_int_equal(workers_alive(daemon.workers), 3);
    kill(daemon.supervisor, SIGHUP);
    assert_true(until(all_heard_hangup, &daemon));
    int status = end(&daemon, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(workers_alive(daemon.workers), 0);
    workers_free(daemon.workers);
}

static void test_bad_end_is_told(void **state)
{
    (void)state;
    struct daemon daemon = {.status = 9};
    begin(&daemon, 2);
    assert_true(until(all_run, &daemon));
    int status = end(&daemon, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    workers_free(daemon.workers);
}

/* Its counters stay, its gauges do not. */
static void test_dead_worker_is_started_again(void **state)
{
    (void)state;
    struct daemon daemon = {.status = 0};
    begin(&daemon, 2);
    assert_true(until(all_run, &daemon));
    uint64_t first = slot_of(&daemon, 1)->pid;
    kill((pid_t)first, SIGKILL);
    assert_true(until(restarted_once, &daemon));
    assert_int_equal(slot_of(&daemon, 1)->runs, 2);
    assert_int_not_equal(slot_of(&daemon, 1)->pid, first);
    assert_int_equal(slot_of(&daemon, 0)->runs, 1);
    int status = end(&daemon, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(slot_of(&daemon, 1)->gauge, 0);
    workers_free(daemon.workers);
}

static bool restarted_both(const struct daemon *daemon)
{
    return workers_restarts(daemon->workers) == 2 && all_run(daemon);
}

/* What the supervisor has read again is what its next workers have: here the status of their end.
 */
static void test_later_worker_has_new_settings(void **state)
{
    (void)state;
    struct daemon daemon = {.status = 9};
    begin(&daemon, 2);
    assert_true(until(all_run, &daemon));
    kill(daemon.supervisor, SIGHUP);
    assert_true(until(all_heard_hangup, &daemon));
    for (unsigned i = 0; i < 2; i++)
        kill((pid_t)slot_of(&daemon, i)->pid, SIGKILL);
    assert_true(until(restarted_both, &daemon));
    int status = end(&daemon, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    workers_free(daemon.workers);
}

static void test_failed_start_ends_all(void **state)
{
    (void)state;
    struct daemon daemon = {.fail_first = 5};
    begin(&daemon, 3);
    int status = end(&daemon, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    assert_int_equal(slot_of(&daemon, 0)->runs, 1);
    workers_free(daemon.workers);
}

/* The restarts come at 0, 100, 200 ms. */
static void test_backoff(void **state)
{
    (void)state;
    struct daemon daemon = {.status = 0};
    begin(&daemon, 2);
    assert_true(until(all_run, &daemon));
    int64_t begun_us = time_monotonic_us();
    uint64_t killed = 0;
    while (!restarted_thrice(&daemon)) {
        uint64_t pid = slot_of(&daemon, 0)->pid;
        if (pid && pid != killed)
            kill((pid_t)pid, SIGKILL);
        killed = pid ? pid : killed;
        assert_true(time_monotonic_us() - begun_us < DEADLINE_US);
    }
    assert_true(time_monotonic_us() - begun_us >= 290000);
    end(&daemon, SIGTERM);
    workers_free(daemon.workers);
}

static void test_second_signal_kills(void **state)
{
    (void)state;
    struct daemon daemon = {.stubborn = true};
    begin(&daemon, 2);
    assert_true(until(all_run, &daemon));
    kill(daemon.supervisor, SIGINT);
    kill(daemon.supervisor, SIGTERM);
    int status = end(&daemon, 0);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 128 + SIGTERM || WEXITSTATUS(status) == 128 + SIGINT);
    assert_true(until(gone, &daemon));
    workers_free(daemon.workers);
}

static void test_workers_do_not_outlive(void **state)
{
    (void)state;
    struct daemon daemon = {.stubborn = true};
    begin(&daemon, 3);
    assert_true(until(all_run, &daemon));
    int status = end(&daemon, SIGKILL);
    assert_true(WIFSIGNALED(status));
    assert_true(until(gone, &daemon));
    workers_free(daemon.workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_are_apart),
        cmocka_unit_test(test_one_runs_in_the_process_itself),
        cmocka_unit_test(test_signals_are_passed_on),
        cmocka_unit_test(test_bad_end_is_told),
        cmocka_unit_test(test_dead_worker_is_started_again),
        cmocka_unit_test(test_later_worker_has_new_settings),
        cmocka_unit_test(test_failed_start_ends_all),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_second_signal_kills),
        cmocka_unit_test(test_workers_do_not_outlive),
    };
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* whoever else inherits orphans may not reap them */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
