/* Needs a Redis that may be disturbed: MH_TEST_REDIS_URL. The tests of a server that dies start
 * one of their own from $PATH. */
#include "shared/redis/redis_link.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/time.h"
#include "shared/redis/redis_url.h"
#include "tests/unit/shared/loop_wait.h"

struct peer {
    struct redis_link *link;
    unsigned ups, downs, messages;
    bool close_on_up, close_on_down, close_on_message, closed;
    char channel[64];
    char bytes[64];
    size_t length;
};

static uv_loop_t loop;

static void on_closed(void *owner)
{
    ((struct peer *)owner)->closed = true;
}

static void close_peer(struct peer *peer)
{
    redis_link_close(peer->link, on_closed, peer);
}

static void on_state(void *owner, bool up)
{
    struct peer *peer = owner;
    assert_int_equal(redis_link_up(peer->link), up);
    peer->ups += up;
    peer->downs += !up;
    if ((up && peer->close_on_up) || (!up && peer->close_on_down))
        close_peer(peer);
}

static void on_message(void *owner, const char *channel, const char *bytes, size_t length)
{
    struct peer *peer = owner;
    peer->messages++;
    snprintf(peer->channel, sizeof(peer->channel), "%s", channel);
    peer->length = length;
    memcpy(peer->bytes, bytes, length < sizeof(peer->bytes) ? length : sizeof(peer->bytes));
    if (peer->close_on_message)
        close_peer(peer);
}

static bool is_up(void *what)
{
    return redis_link_up(((struct peer *)what)->link);
}

static bool was_up_twice(void *what)
{
    return ((struct peer *)what)->ups >= 2;
}

static bool was_down(void *what)
{
    return ((struct peer *)what)->downs >= 1;
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

static void open_up(struct peer *peer, const char *url, const char *pattern)
{
    open_peer(peer, url, pattern);
    loop_wait(&loop, is_up, peer);
    assert_int_equal(peer->ups, 1);
}

static void close_and_wait(struct peer *peer)
{
    close_peer(peer);
    loop_wait(&loop, is_closed, peer);
}

static int set_up(void **state)
{
    (void)state;
    return uv_loop_init(&loop);
}

/* Nothing may be left on the loop. */
static int tear_down(void **state)
{
    (void)state;
    return loop_end(&loop);
}

static const char *server_url(void)
{
    return getenv("MH_TEST_REDIS_URL");
}

/* A command outside of the links, with an answer. */
static void command(const char *url, const char *text, char *out, size_t size)
{
    struct redis_url parsed;
    assert_int_equal(redis_url_parse(url, &parsed), 0);
    redisContext *connection =
        *parsed.path ? redisConnectUnix(parsed.path) : redisConnect(parsed.host, parsed.port);
    assert_non_null(connection);
    assert_int_equal(connection->err, 0);
    if (*parsed.password)
        freeReplyObject(redisCommand(connection, "AUTH %s", parsed.password));
    redisReply *reply = redisCommand(connection, text);
    assert_non_null(reply);
    snprintf(out, size, "%s", reply->str ? reply->str : "");
    freeReplyObject(reply);
    redisFree(connection);
}

static void test_publish_and_subscribe(void **state)
{
    struct peer publisher = {0}, subscriber = {0};
    (void)state;
    open_peer(&publisher, server_url(), NULL);
    assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), -ENOTCONN);
    loop_wait(&loop, is_up, &publisher);
    open_up(&subscriber, server_url(), "feed:*");
    assert_int_equal(redis_link_publish(publisher.link, "other:x", "no", 2), 0);
    assert_int_equal(redis_link_publish(publisher.link, "feed:partner:X", "a\0b", 3), 0);
    loop_wait(&loop, has_message, &subscriber);
    assert_int_equal(subscriber.messages, 1);
    assert_string_equal(subscriber.channel, "feed:partner:X");
    assert_int_equal(subscriber.length, 3);
    assert_memory_equal(subscriber.bytes, "a\0b", 3);
    close_and_wait(&publisher);
    close_and_wait(&subscriber);
}

struct count {
    struct peer *peer;
    unsigned wanted;
};

static bool has_count(void *what)
{
    struct count *count = what;
    return count->peer->messages >= count->wanted;
}

static void test_many_messages(void **state)
{
    struct peer publisher = {0}, subscriber = {0};
    struct count count = {&subscriber, 20000};
    (void)state;
    open_up(&publisher, server_url(), NULL);
    open_up(&subscriber, server_url(), "many");
    for (unsigned i = 0; i < count.wanted; i++)
        assert_int_equal(redis_link_publish(publisher.link, "many", &i, sizeof(i)), 0);
    loop_wait(&loop, has_count, &count);
    assert_memory_equal(subscriber.bytes, &(unsigned){19999}, sizeof(unsigned));
    close_and_wait(&publisher);
    close_and_wait(&subscriber);
}

static void test_bound(void **state)
{
    enum { SIZE = 1 << 20 };
    struct peer publisher = {0}, subscriber = {0};
    struct count all = {&subscriber, 8};
    char *bytes = memory_zalloc(SIZE);
    int fault = 0;
    (void)state;
    open_up(&publisher, server_url(), NULL);
    open_up(&subscriber, server_url(), "big");
    for (unsigned i = 0; i < all.wanted; i++)
        assert_int_equal(redis_link_publish(publisher.link, "big", bytes, SIZE), 0);
    fault = redis_link_publish(publisher.link, "big", bytes, 1);
    assert_int_equal(fault, -ENOBUFS);
    loop_wait(&loop, has_count, &all);
    loop_wait(&loop, is_up, &publisher);
    /* What was acknowledged makes room again. */
    all.wanted = 9;
    while (redis_link_publish(publisher.link, "big", bytes, SIZE) == -ENOBUFS)
        uv_run(&loop, UV_RUN_ONCE);
    loop_wait(&loop, has_count, &all);
    close_and_wait(&publisher);
    close_and_wait(&subscriber);
    free(bytes);
}

/* A subscriber is told of the gap, and subscribes again by itself. */
static void test_killed_by_server(void **state)
{
    struct peer publisher = {0}, subscriber = {0};
    char answer[64];
    (void)state;
    open_up(&publisher, server_url(), NULL);
    open_up(&subscriber, server_url(), "feed:*");
    command(server_url(), "CLIENT KILL TYPE pubsub", answer, sizeof(answer));
    loop_wait(&loop, was_up_twice, &subscriber);
    assert_int_equal(subscriber.downs, 1);
    assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), 0);
    loop_wait(&loop, has_message, &subscriber);
    command(server_url(), "CLIENT KILL TYPE normal", answer, sizeof(answer));
    loop_wait(&loop, was_up_twice, &publisher);
    close_and_wait(&publisher);
    close_and_wait(&subscriber);
}

static void test_close_from_callbacks(void **state)
{
    char answer[64];
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *pattern = i ? "feed:*" : NULL;
        struct peer on_up = {.close_on_up = true}, on_down = {.close_on_down = true};
        open_peer(&on_up, server_url(), pattern);
        loop_wait(&loop, is_closed, &on_up);
        open_up(&on_down, server_url(), pattern);
        command(server_url(), i ? "CLIENT KILL TYPE pubsub" : "CLIENT KILL TYPE normal", answer,
                sizeof(answer));
        loop_wait(&loop, is_closed, &on_down);
    }
    struct peer publisher = {0}, subscriber = {.close_on_message = true};
    open_up(&publisher, server_url(), NULL);
    open_up(&subscriber, server_url(), "feed:*");
    for (int i = 0; i < 10; i++)
        assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), 0);
    loop_wait(&loop, is_closed, &subscriber);
    assert_int_equal(subscriber.messages, 1);
    close_and_wait(&publisher);
}

static void test_close_before_connected(void **state)
{
    struct peer peer = {0};
    (void)state;
    open_peer(&peer, server_url(), NULL);
    close_and_wait(&peer);
    peer.closed = false;
    open_peer(&peer, server_url(), "x");
    uv_run(&loop, UV_RUN_NOWAIT); /* connecting */
    close_and_wait(&peer);
    redis_link_close(NULL, NULL, NULL);
}

static void test_not_a_url(void **state)
{
    struct redis_link *link = NULL;
    const struct redis_link_options options = {.url = "http://x", .name = "x", .prefix = ""};
    (void)state;
    assert_int_equal(redis_link_open(&loop, &options, &link), -EINVAL);
    assert_null(link);
}

/* --- a server of our own --- */

struct server {
    pid_t pid;
    char folder[64], socket[128], url[160];
};

/* It listens some time after this returns: waiting is what links are for. */
static void server_start(struct server *server, const char *port, const char *password)
{
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves no server behind */
        execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1",
               "--unixsocket", server->socket, "--save", "", "--dir", server->folder,
               "--requirepass", password, (char *)NULL);
        _exit(127);
    }
}

static void server_kill(struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

static void server_prepare(struct server *server)
{
    /* NOLINTNEXTLINE(cert-env33-c): a constant command */
    if (system("command -v redis-server >/dev/null")) {
        print_message("redis-server is not in PATH\n");
        skip();
    }
    snprintf(server->folder, sizeof(server->folder), "/tmp/mh-redis-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    snprintf(server->socket, sizeof(server->socket), "%s/redis.sock", server->folder);
    snprintf(server->url, sizeof(server->url), "unix://%s", server->socket);
}

static void server_remove(struct server *server)
{
    server_kill(server);
    unlink(server->socket);
    assert_int_equal(rmdir(server->folder), 0);
}

static void test_server_dies_and_returns(void **state)
{
    struct peer publisher = {0}, subscriber = {0};
    struct server server;
    (void)state;
    server_prepare(&server);
    open_peer(&publisher, server.url, NULL); /* before there is a server */
    open_peer(&subscriber, server.url, "feed:*");
    uv_run(&loop, UV_RUN_ONCE);
    server_start(&server, "0", "");
    loop_wait(&loop, is_up, &publisher);
    loop_wait(&loop, is_up, &subscriber);
    server_kill(&server);
    loop_wait(&loop, was_down, &publisher);
    loop_wait(&loop, was_down, &subscriber);
    assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), -ENOTCONN);
    server_start(&server, "0", "");
    loop_wait(&loop, was_up_twice, &publisher);
    loop_wait(&loop, was_up_twice, &subscriber);
    assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), 0);
    loop_wait(&loop, has_message, &subscriber);
    close_and_wait(&publisher);
    close_and_wait(&subscriber);
    server_remove(&server);
}

/* A server that holds the connection but says nothing any more. */
static void test_silent_server(void **state)
{
    struct peer publisher = {0}, subscriber = {0};
    struct server server;
    (void)state;
    server_prepare(&server);
    server_start(&server, "0", "");
    open_peer(&publisher, server.url, NULL);
    open_peer(&subscriber, server.url, "feed:*");
    loop_wait(&loop, is_up, &publisher);
    loop_wait(&loop, is_up, &subscriber);
    kill(server.pid, SIGSTOP);
    loop_wait(&loop, was_down, &publisher);
    loop_wait(&loop, was_down, &subscriber);
    kill(server.pid, SIGCONT);
    loop_wait(&loop, was_up_twice, &publisher);
    loop_wait(&loop, was_up_twice, &subscriber);
    close_and_wait(&publisher);
    close_and_wait(&subscriber);
    server_remove(&server);
}

/* A port that is ours but does not listen refuses every connect. */
static int reserve_port(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int reserved = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(reserved, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(reserved, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return reserved;
}

/* First nobody listens: the refusals must be noticed, else nobody would come back when there is a
 * server, which wants a password and gives us another database than the first. */
static void test_refused_then_password_and_database(void **state)
{
    struct peer right = {0}, wrong = {0}, subscriber = {0};
    struct server server;
    char url[128], wrong_url[128], number[8], list[4096];
    int port;
    (void)state;
    server_prepare(&server);
    int reserved = reserve_port(&port);
    snprintf(number, sizeof(number), "%d", port);
    snprintf(url, sizeof(url), "redis://default:se%%20cret@127.0.0.1:%d/3", port);
    snprintf(wrong_url, sizeof(wrong_url), "redis://wrong@127.0.0.1:%d", port);
    open_peer(&right, url, NULL);
    open_peer(&wrong, wrong_url, NULL);
    open_peer(&subscriber, url, "feed:*");
    /* Several refused attempts fit into the time that a single unnoticed one would last. */
    int64_t start_us = time_monotonic_us();
    for (int i = 0; i < 20; i++)
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(time_monotonic_us() - start_us < 4500000);
    close(reserved);
    server_start(&server, number, "se cret");
    loop_wait(&loop, is_up, &right);
    loop_wait(&loop, is_up, &subscriber);
    command(url, "CLIENT LIST", list, sizeof(list));
    assert_non_null(strstr(list, "name=unit-pub"));
    assert_non_null(strstr(list, "name=unit-sub"));
    assert_non_null(strstr(list, "db=3"));
    assert_int_equal(redis_link_publish(right.link, "feed:x", "x", 1), 0);
    loop_wait(&loop, has_message, &subscriber);
    assert_int_equal(wrong.ups + wrong.downs, 0);
    close_and_wait(&right);
    close_and_wait(&wrong);
    close_and_wait(&subscriber);
    server_remove(&server);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_publish_and_subscribe),
        LOOP_TEST(test_many_messages),
        LOOP_TEST(test_bound),
        LOOP_TEST(test_killed_by_server),
        LOOP_TEST(test_close_from_callbacks),
        LOOP_TEST(test_close_before_connected),
        LOOP_TEST(test_not_a_url),
        LOOP_TEST(test_server_dies_and_returns),
        LOOP_TEST(test_silent_server),
        LOOP_TEST(test_refused_then_password_and_database),
    };
    if (!server_url()) {
        printf("skipped: MH_TEST_REDIS_URL is not set\n");
        return 77;
    }
    log_init("redis_link_test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
