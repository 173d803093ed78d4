/* Real servers and a real sentinel, started by the test. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/redis/redis_link.h"
#include "tests/unit/shared/loop_wait.h"
#include "tests/unit/shared/redis/redis_harness.h"

struct peer {
    struct redis_link *link;
    unsigned ups, downs, messages;
    bool closed;
};

/* A master, its replica and the sentinel that watches them; and a port where nobody answers. */
struct group {
    struct redis_server master, replica, sentinel;
    int dead, dead_port;
};

static uv_loop_t loop;

static void on_state(void *owner, bool up)
{
    struct peer *peer = owner;
    peer->ups += up;
    peer->downs += !up;
}

static void on_message(void *owner, const char *channel, const char *bytes, size_t length)
{
    struct peer *peer = owner;
    (void)channel;
    (void)bytes;
    (void)length;
    peer->messages++;
}

static void on_closed(void *owner)
{
    ((struct peer *)owner)->closed = true;
}

static bool is_up(void *what)
{
    return redis_link_up(((struct peer *)what)->link);
}

static bool was_down(void *what)
{
    return ((struct peer *)what)->downs >= 1;
}

static bool was_up_twice(void *what)
{
    return ((struct peer *)what)->ups >= 2;
}

static bool has_message(void *what)
{
    return ((struct peer *)what)->messages > 0;
}

static bool is_closed(void *what)
{
    return ((struct peer *)what)->closed;
}

static void open_peer(struct peer *peer, const char *url, const char *pattern)
{
    const struct redis_link_options options = {.url = url,
                                               .name = pattern ? "unit-sub" : "unit-pub",
                                               .prefix = "unit:",
                                               .pattern = pattern,
                                               .on_state = on_state,
                                               .on_message = on_message,
                                               .owner = peer};
    assert_int_equal(redis_link_open(&loop, &options, &peer->link), 0);
}

static void close_peer(struct peer *peer)
{
    redis_link_close(peer->link, on_closed, peer);
    loop_wait(&loop, is_closed, peer);
}

static void prepare(struct redis_server *server)
{
    redis_server_prepare(server);
    close(redis_port_reserve(&server->port));
}

static void start_replica(struct redis_server *replica, const struct redis_server *master)
{
    char port[16], master_port[16];
    snprintf(port, sizeof(port), "%d", replica->port);
    snprintf(master_port, sizeof(master_port), "%d", master->port);
    const char *const arguments[] = {"redis-server",
                                     "--port",
                                     port,
                                     "--bind",
                                     "127.0.0.1",
                                     "--unixsocket",
                                     replica->socket,
                                     "--save",
                                     "",
                                     "--dir",
                                     replica->folder,
                                     "--replicaof",
                                     "127.0.0.1",
                                     master_port,
                                     "--repl-diskless-sync-delay",
                                     "0",
                                     "--masterauth",
                                     "of-servers",
                                     NULL};
    redis_server_spawn(replica, arguments);
}

/* `more`: lines of its configuration; it watches the server under the name "main". */
static void start_sentinel(struct redis_server *sentinel, const struct redis_server *watched,
                           const char *more)
{
    char file[128];
    snprintf(file, sizeof(file), "%s/sentinel.conf", sentinel->folder);
    FILE *out = fopen(file, "we");
    assert_non_null(out);
    fprintf(out,
            "port %d\nbind 127.0.0.1\nunixsocket %s\ndir %s\n"
            "sentinel monitor main 127.0.0.1 %d 1\n%s",
            sentinel->port, sentinel->socket, sentinel->folder, watched->port, more);
    assert_int_equal(fclose(out), 0);
    const char *const arguments[] = {"redis-server", file, "--sentinel", NULL};
    redis_server_spawn(sentinel, arguments);
}

static void open_group(struct group *group)
{
    prepare(&group->master);
    prepare(&group->replica);
    prepare(&group->sentinel);
    group->dead = redis_port_reserve(&group->dead_port);
}

static void close_group(struct group *group)
{
    redis_server_remove(&group->master);
    redis_server_remove(&group->replica);
    redis_server_remove(&group->sentinel);
    close(group->dead);
}

static int set_up(void **state)
{
    (void)state;
    return uv_loop_init(&loop);
}

static int tear_down(void **state)
{
    (void)state;
    return loop_end(&loop);
}

/* Else there is nobody to take the master's place. */
static bool replica_is_known(void *what)
{
    const struct group *group = what;
    char answer[8192];
    redis_command(group->replica.url, "INFO replication", answer, sizeof(answer));
    if (!strstr(answer, "master_link_status:up"))
        return false;
    snprintf(answer, sizeof(answer), "redis://:se%%20cret@127.0.0.1:%d", group->sentinel.port);
    redis_command(answer, "INFO sentinel", answer, sizeof(answer));
    return strstr(answer, "status=ok") && strstr(answer, "slaves=1");
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* that loop_wait asks again */
}

/* A sentinel that is dead and one that wants a password; a master that wants another, and dies. */
static void test_follows_a_failover(void **state)
{
    struct group group;
    struct peer publisher = {0}, subscriber = {0}, wrong = {0};
    char url[256], wrong_url[256];
    uv_timer_t tick;
    (void)state;
    open_group(&group);
    snprintf(
        url, sizeof(url),
        "redis+sentinel://default:of-servers@127.0.0.1:%d,127.0.0.1:%d/main/3?sentinel=se%%20cret",
        group.dead_port, group.sentinel.port);
    snprintf(wrong_url, sizeof(wrong_url), "redis+sentinel://of-servers@127.0.0.1:%d/main",
             group.sentinel.port);
    open_peer(&publisher, url, NULL); /* before there is anything */
    open_peer(&subscriber, url, "feed:*");
    open_peer(&wrong, wrong_url, NULL);
    redis_server_start(&group.master, group.master.port, "of-servers");
    start_replica(&group.replica, &group.master);
    start_sentinel(&group.sentinel, &group.master,
                   "sentinel auth-pass main of-servers\nrequirepass \"se cret\"\n"
                   "sentinel down-after-milliseconds main 300\n"
                   "sentinel failover-timeout main 2000\n");
    loop_wait(&loop, is_up, &publisher);
    loop_wait(&loop, is_up, &subscriber);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, on_tick, 50, 50);
    loop_wait(&loop, replica_is_known, &group);
    uv_close((uv_handle_t *)&tick, NULL);
    redis_server_kill(&group.master);
    loop_wait(&loop, was_up_twice, &publisher);
    loop_wait(&loop, was_up_twice, &subscriber);
    assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), 0);
    loop_wait(&loop, has_message, &subscriber);
    assert_int_equal(wrong.ups, 0);
    close_peer(&publisher);
    close_peer(&subscriber);
    close_peer(&wrong);
    close_group(&group);
}

/* A sentinel that still names a server which is no master any more is not believed. */
static void test_only_a_master_will_do(void **state)
{
    struct group group;
    struct peer publisher = {0}, subscriber = {0};
    char url[256], answer[64];
    (void)state;
    open_group(&group);
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d/main", group.sentinel.port);
    redis_server_start(&group.master, group.master.port, "");
    redis_server_start(&group.replica, group.replica.port, "");
    start_sentinel(&group.sentinel, &group.replica,
                   "sentinel down-after-milliseconds main 60000\n");
    open_peer(&publisher, url, NULL);
    loop_wait(&loop, is_up, &publisher);
    snprintf(url + strlen(url), 8, "/1");
    open_peer(&subscriber, url, "feed:*");
    loop_wait(&loop, is_up, &subscriber);
    close_peer(&subscriber);
    snprintf(url, sizeof(url), "REPLICAOF 127.0.0.1 %d", group.master.port);
    redis_command(group.replica.url, url, answer, sizeof(answer));
    assert_string_equal(answer, "OK");
    loop_wait(&loop, was_down, &publisher); /* by the answer to a beat */
    subscriber = (struct peer){0};
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d/main", group.sentinel.port);
    open_peer(&subscriber, url, "feed:*");
    for (int i = 0; i < 60; i++) /* several attempts */
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(publisher.ups, 1);
    assert_int_equal(subscriber.ups, 0);
    redis_command(group.replica.url, "REPLICAOF NO ONE", answer, sizeof(answer));
    loop_wait(&loop, was_up_twice, &publisher);
    loop_wait(&loop, is_up, &subscriber);
    close_peer(&publisher);
    close_peer(&subscriber);
    close_group(&group);
}

/* Closing while a sentinel is asked, and after one has been silent. */
static void test_silent_sentinel(void **state)
{
    struct group group;
    struct peer peer = {0}, closed = {0};
    char url[256];
    (void)state;
    open_group(&group);
    redis_server_start(&group.master, group.master.port, "");
    redis_server_start(&group.replica, group.replica.port, "");
    start_sentinel(&group.sentinel, &group.master, "");
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d/main", group.sentinel.port);
    open_peer(&peer, url, NULL);
    loop_wait(&loop, is_up, &peer);
    kill(group.sentinel.pid, SIGSTOP);
    open_peer(&closed, url, NULL);
    for (int i = 0; i < 5; i++)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(closed.ups, 0);
    close_peer(&closed);
    redis_server_kill(&group.master);
    loop_wait(&loop, was_down, &peer);
    for (int i = 0; i < 5; i++) /* a question that is not answered in time */
        uv_run(&loop, UV_RUN_ONCE);
    redis_server_start(&group.master, group.master.port, "");
    kill(group.sentinel.pid, SIGCONT);
    loop_wait(&loop, was_up_twice, &peer);
    close_peer(&peer);
    close_group(&group);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_follows_a_failover),
        LOOP_TEST(test_only_a_master_will_do),
        LOOP_TEST(test_silent_sentinel),
    };
    log_init("redis_sentinel_test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
