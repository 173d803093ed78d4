#include "shared/loop/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/test.h"

static void test_not_an_address(void **state)
{
    static const char *const cases[] = {
        "",           "8080",         ":8080",        "localhost:80",    "127.0.0.1",
        "127.0.0.1:", "127.0.0.1:x",  "127.0.0.1:-1", "127.0.0.1:65536", "127.0.0.1:123456",
        "[::1]",      "::1:80",       "[::1:80",      "[]:80",           "127.0.0.1:80 ",
        "1.2.3:80",   "[127.0.0.1]:1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(listener_open(cases[i], NULL), -EINVAL);
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    return client;
}

static void test_accept(void **state)
{
    int port = 0, no_delay = 0;
    socklen_t size = sizeof(no_delay);
    (void)state;
    int listener = listener_open("127.0.0.1:0", &port);
    assert_true(listener >= 0);
    assert_true(port > 0);
    assert_int_equal(listener_listen(listener, 8), 0);
    assert_int_equal(listener_accept(listener), -EAGAIN);
    int client = connect_to(port);
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, 5000), 1);
    int connection = listener_accept(listener);
    assert_true(connection >= 0);
    assert_true(fcntl(connection, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(connection, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(getsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    assert_true(no_delay);
    close(connection);
    close(client);
    close(listener);
}

static void test_shared_and_taken(void **state)
{
    char address[32];
    int port = 0;
    (void)state;
    int first = listener_open("127.0.0.1:0", &port);
    snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    int second = listener_open(address, NULL);
    assert_true(second >= 0);
    /* One that only holds the address gets nobody. */
    assert_int_equal(listener_listen(second, 8), 0);
    for (int i = 0; i < 7; i++)
        close(connect_to(port));
    close(first);
    close(second);

    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(own);
    int selfish = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(selfish, (struct sockaddr *)&own, size), 0);
    assert_int_equal(listen(selfish, 1), 0);
    assert_int_equal(getsockname(selfish, (struct sockaddr *)&own, &size), 0);
    snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(own.sin_port));
    assert_int_equal(listener_open(address, NULL), -EADDRINUSE);
    close(selfish);
}

static void test_ipv6(void **state)
{
    int port = 0;
    (void)state;
    int listener = listener_open("[::1]:0", &port);
    if (listener == -EADDRNOTAVAIL || listener == -EAFNOSUPPORT)
        skip(); /* no IPv6 on this machine */
    assert_true(listener >= 0);
    assert_true(port > 0);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_an_address),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_shared_and_taken),
        cmocka_unit_test(test_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
