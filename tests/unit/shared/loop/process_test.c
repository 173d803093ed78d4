#include "shared/loop/process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

struct daemon {
    struct process process;
    uv_timer_t timer;
    uv_idle_t step;
    int stops, reloads;
    int signal; /* what to raise next */
};

static void on_stop(void *owner)
{
    struct daemon *daemon = owner;
    daemon->stops++;
    uv_close((uv_handle_t *)&daemon->timer, NULL);
    if (!uv_is_closing((uv_handle_t *)&daemon->step))
        uv_close((uv_handle_t *)&daemon->step, NULL);
}

static void on_reload(void *owner)
{
    struct daemon *daemon = owner;
    daemon->reloads++;
    kill(getpid(), daemon->signal);
}

static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("%s", "no signal came");
}

static void on_first_step(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    kill(getpid(), SIGHUP);
}

static void set_up(struct daemon *daemon, int signal)
{
    *daemon = (struct daemon){.signal = signal};
    daemon->process.on_stop = on_stop;
    daemon->process.on_reload = on_reload;
    daemon->process.owner = daemon;
    assert_int_equal(process_init(&daemon->process), 0);
    uv_timer_init(&daemon->process.loop, &daemon->timer);
    uv_timer_start(&daemon->timer, on_deadline, 10000, 0);
    uv_idle_init(&daemon->process.loop, &daemon->step);
    uv_idle_start(&daemon->step, on_first_step);
}

static void stops_by(int signal)
{
    struct daemon daemon;
    set_up(&daemon, signal);
    process_run(&daemon.process);
    assert_int_equal(daemon.reloads, 1);
    assert_int_equal(daemon.stops, 1);
}

static void test_signals(void **state)
{
    (void)state;
    stops_by(SIGTERM);
    stops_by(SIGINT);
}

static void stop_twice(uv_idle_t *idle)
{
    struct daemon *daemon = CONTAINER_OF(idle, struct daemon, step);
    process_stop(&daemon->process);
    process_stop(&daemon->process);
}

static void test_stop_is_called_once(void **state)
{
    struct daemon daemon;
    (void)state;
    set_up(&daemon, 0);
    uv_idle_stop(&daemon.step);
    uv_idle_start(&daemon.step, stop_twice);
    process_run(&daemon.process);
    assert_int_equal(daemon.stops, 1);
}

/* A daemon that does not get to its end is ended by the second signal. */
static void never_stop(void *owner)
{
    (void)owner;
    kill(getpid(), SIGTERM);
}

static void test_second_signal_ends(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct daemon daemon;
        set_up(&daemon, SIGTERM);
        daemon.process.on_stop = never_stop;
        process_run(&daemon.process);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_stop_is_called_once),
        cmocka_unit_test(test_second_signal_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
