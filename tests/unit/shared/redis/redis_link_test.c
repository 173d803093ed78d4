/* Needs a Redis that may be disturbed: MH_TEST_REDIS_URL. The tests of a server that dies start
 * one of their own from $PATH. */
#include "shared/redis/redis_link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/time.h"
#include "tests/unit/shared/loop_wait.h"
#include "tests/unit/shared/redis/redis_harness.h"

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

static void open_under(struct peer *peer, const char *prefix, const char *url, const char *pattern)
{
    const struct redis_link_options options = {.url = url,
                                               .name = pattern ? "unit-sub" : "unit-pub",
                                               .prefix = prefix,
                                               .pattern = pattern,
                                               .on_state = on_state,
                                               .on_message = on_message,
                                               .owner = peer};
    assert_int_equal(redis_link_open(&loop, &options, &peer->link), 0);
}

static void open_peer(struct peer *peer, const char *url, const char *pattern)
{
    open_under(peer, "unit:", url, pattern);
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

/* Installations that share a server: a prefix stands for itself, not for what it would match. */
static void test_prefixes(void **state)
{
    static const char *const prefixes[] = {"a[b]*?\\:", "ab:", "a[b]*?\\:feed:"};
    struct peer publishers[ARRAY_LENGTH(prefixes)], subscribers[ARRAY_LENGTH(prefixes)];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
        publishers[i] = subscribers[i] = (struct peer){0};
        open_under(&publishers[i], prefixes[i], server_url(), NULL);
        open_under(&subscribers[i], prefixes[i], server_url(), "feed:*");
    }
    for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
        loop_wait(&loop, is_up, &publishers[i]);
        loop_wait(&loop, is_up, &subscribers[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
        const char *text = prefixes[i];
        assert_int_equal(redis_link_publish(publishers[i].link, "feed:x", text, strlen(text)), 0);
        loop_wait(&loop, has_message, &subscribers[i]);
        assert_memory_equal(subscribers[i].bytes, text, strlen(text));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
        close_and_wait(&publishers[i]);
        close_and_wait(&subscribers[i]);
    }
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
    redis_command(server_url(), "CLIENT KILL TYPE pubsub", answer, sizeof(answer));
    loop_wait(&loop, was_up_twice, &subscriber);
    assert_int_equal(subscriber.downs, 1);
    assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), 0);
    loop_wait(&loop, has_message, &subscriber);
    redis_command(server_url(), "CLIENT KILL TYPE normal", answer, sizeof(answer));
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
        redis_command(server_url(), i ? "CLIENT KILL TYPE pubsub" : "CLIENT KILL TYPE normal",
                      answer, sizeof(answer));
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

static void test_server_dies_and_returns(void **state)
{
    struct peer publisher = {0}, subscriber = {0};
    struct redis_server server;
    (void)state;
    redis_server_prepare(&server);
    open_peer(&publisher, server.url, NULL); /* before there is a server */
    open_peer(&subscriber, server.url, "feed:*");
    uv_run(&loop, UV_RUN_ONCE);
    redis_server_start(&server, 0, "");
    loop_wait(&loop, is_up, &publisher);
    loop_wait(&loop, is_up, &subscriber);
    redis_server_kill(&server);
    loop_wait(&loop, was_down, &publisher);
    loop_wait(&loop, was_down, &subscriber);
    assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), -ENOTCONN);
    redis_server_start(&server, 0, "");
    loop_wait(&loop, was_up_twice, &publisher);
    loop_wait(&loop, was_up_twice, &subscriber);
    assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), 0);
    loop_wait(&loop, has_message, &subscriber);
    close_and_wait(&publisher);
    close_and_wait(&subscriber);
    redis_server_remove(&server);
}

/* A server that holds the connection but says nothing any more. */
static void test_silent_server(void **state)
{
    struct peer publisher = {0}, subscriber = {0};
    struct redis_server server;
    (void)state;
    redis_server_prepare(&server);
    redis_server_start(&server, 0, "");
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
    redis_server_remove(&server);
}

/* First nobody listens: the refusals must be noticed, else nobody would come back when there is a
 * server, which wants a password and gives us another database than the first. */
static void test_refused_then_password_and_database(void **state)
{
    struct peer right = {0}, wrong = {0}, subscriber = {0};
    struct redis_server server;
    char url[128], wrong_url[128], list[4096];
    int port;
    (void)state;
    redis_server_prepare(&server);
    int reserved = redis_port_reserve(&port);
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
    redis_server_start(&server, port, "se cret");
    loop_wait(&loop, is_up, &right);
    loop_wait(&loop, is_up, &subscriber);
    redis_command(url, "CLIENT LIST", list, sizeof(list));
    assert_non_null(strstr(list, "name=unit-pub"));
    assert_non_null(strstr(list, "name=unit-sub"));
    assert_non_null(strstr(list, "db=3"));
    assert_int_equal(redis_link_publish(right.link, "feed:x", "x", 1), 0);
    loop_wait(&loop, has_message, &subscriber);
    assert_int_equal(wrong.ups + wrong.downs, 0);
    close_and_wait(&right);
    close_and_wait(&wrong);
    close_and_wait(&subscriber);
    redis_server_remove(&server);
}

/* An ACL user that may do no more than a link needs. */
static void test_acl_user(void **state)
{
    struct peer publisher = {0}, subscriber = {0};
    struct redis_server server;
    char url[160], answer[4096];
    (void)state;
    redis_server_prepare(&server);
    int reserved = redis_port_reserve(&server.port);
    close(reserved);
    redis_server_start(&server, server.port, "");
    open_peer(&publisher, server.url, NULL);
    loop_wait(&loop, is_up, &publisher);
    redis_command(server.url,
                  "ACL SETUSER mh on >se:cret@ resetchannels &unit:* +auth +select +ping "
                  "+client|setname +publish +psubscribe",
                  answer, sizeof(answer));
    assert_string_equal(answer, "OK");
    close_and_wait(&publisher);
    publisher = (struct peer){0};
    snprintf(url, sizeof(url), "redis://mh:se%%3Acret%%40@127.0.0.1:%d/2", server.port);
    open_up(&publisher, url, NULL);
    open_up(&subscriber, url, "*");
    redis_command(server.url, "CLIENT LIST", answer, sizeof(answer));
    assert_non_null(strstr(answer, "user=mh"));
    assert_non_null(strstr(answer, "db=2"));
    assert_int_equal(redis_link_publish(publisher.link, "feed:x", "x", 1), 0);
    loop_wait(&loop, has_message, &subscriber);
    assert_string_equal(subscriber.channel, "feed:x");
    close_and_wait(&publisher);
    close_and_wait(&subscriber);
    redis_server_remove(&server);
}

/* --- commands --- */

struct answers {
    unsigned count, lost, errors;
    struct redis_link *link;
    int64_t last;
    bool close_on_first, closed;
};

static void on_answers_closed(void *owner)
{
    ((struct answers *)owner)->closed = true;
}

static void on_reply(void *owner, const struct redis_value *reply)
{
    struct answers *answers = owner;
    assert_false(answers->closed);
    answers->count++;
    if (!reply) {
        answers->lost++;
        return;
    }
    if (redis_value_error(reply))
        answers->errors++;
    else
        assert_int_equal(redis_value_integer(reply, -1), ++answers->last);
    if (answers->close_on_first && answers->count == 1)
        redis_link_close(answers->link, on_answers_closed, answers);
}

static int send_words(struct redis_link *link, struct answers *answers, const char *first,
                      const char *second)
{
    const char *const words[] = {first, second};
    const size_t lengths[] = {strlen(first), strlen(second)};
    return redis_link_command(link, 2, words, lengths, on_reply, answers);
}

static bool has_all_answers(void *what)
{
    return ((struct answers *)what)->count >= 100;
}

static bool answers_closed(void *what)
{
    return ((struct answers *)what)->closed;
}

static void test_commands(void **state)
{
    struct peer peer = {0};
    struct answers answers = {0};
    char ignored[64];
    (void)state;
    redis_command(server_url(), "DEL unit:counter", ignored, sizeof(ignored));
    open_peer(&peer, server_url(), NULL);
    assert_int_equal(send_words(peer.link, &answers, "INCR", "unit:counter"), -ENOTCONN);
    loop_wait(&loop, is_up, &peer);
    for (int i = 0; i < 99; i++)
        assert_int_equal(send_words(peer.link, &answers, "INCR", "unit:counter"), 0);
    assert_int_equal(send_words(peer.link, &answers, "NO-SUCH", "command"), 0);
    assert_int_equal(answers.count, 0);
    loop_wait(&loop, has_all_answers, &answers);
    assert_int_equal(answers.errors, 1);
    assert_int_equal(answers.lost, 0);
    assert_true(redis_link_up(peer.link));
    close_and_wait(&peer);
}

/* Whatever ends the link: every command is answered once, none after it is closed. */
static void test_commands_fail_with_the_link(void **state)
{
    struct peer peer = {0};
    struct redis_server server;
    (void)state;
    redis_server_prepare(&server);
    redis_server_start(&server, 0, "");
    open_up(&peer, server.url, NULL);
    struct answers answers = {0};
    kill(server.pid, SIGSTOP);
    for (int i = 0; i < 100; i++)
        assert_int_equal(send_words(peer.link, &answers, "INCR", "unit:counter"), 0);
    redis_server_kill(&server);
    loop_wait(&loop, has_all_answers, &answers);
    loop_wait(&loop, was_down, &peer);
    assert_int_equal(answers.lost, 100);
    redis_server_start(&server, 0, "");
    loop_wait(&loop, was_up_twice, &peer);
    answers = (struct answers){.close_on_first = true, .link = peer.link};
    for (int i = 0; i < 100; i++)
        assert_int_equal(send_words(peer.link, &answers, "INCR", "unit:counter"), 0);
    loop_wait(&loop, answers_closed, &answers);
    assert_int_equal(answers.count, 100);
    assert_int_equal(answers.lost, 99);
    redis_server_remove(&server);
}

static void test_commands_bound(void **state)
{
    enum { SIZE = 1 << 20 };
    struct peer peer = {0};
    struct answers answers = {0};
    char *bytes = memory_zalloc(SIZE);
    const char *const words[] = {"ECHO", bytes};
    const size_t lengths[] = {4, SIZE - 4};
    (void)state;
    open_up(&peer, server_url(), NULL);
    for (int i = 0; i < 8; i++)
        assert_int_equal(redis_link_command(peer.link, 2, words, lengths, NULL, NULL), 0);
    assert_int_equal(send_words(peer.link, &answers, "INCR", "unit:counter"), -ENOBUFS);
    close_and_wait(&peer);
    free(bytes);
}

#define LOOP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(test_publish_and_subscribe),
        LOOP_TEST(test_prefixes),
        LOOP_TEST(test_many_messages),
        LOOP_TEST(test_bound),
        LOOP_TEST(test_killed_by_server),
        LOOP_TEST(test_close_from_callbacks),
        LOOP_TEST(test_close_before_connected),
        LOOP_TEST(test_not_a_url),
        LOOP_TEST(test_server_dies_and_returns),
        LOOP_TEST(test_silent_server),
        LOOP_TEST(test_refused_then_password_and_database),
        LOOP_TEST(test_acl_user),
        LOOP_TEST(test_commands),
        LOOP_TEST(test_commands_fail_with_the_link),
        LOOP_TEST(test_commands_bound),
    };
    if (!server_url()) {
        printf("skipped: MH_TEST_REDIS_URL is not set\n");
        return 77;
    }
    log_init("redis_link_test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
