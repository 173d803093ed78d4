#include "shared/loop/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_SIZE 64

/* 1 to 5 digits, nothing else. */
static int parse_port(const char *text, in_port_t *ret_port)
{
    unsigned port = 0;
    size_t length = strlen(text);
    if (length < 1 || length > 5)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (port > UINT16_MAX)
        return -EINVAL;
    *ret_port = htons((uint16_t)port);
    return 0;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Splits at the last colon; an IPv6 host stands in brackets. */
static int parse_address(const char *text, union address *ret_address, socklen_t *ret_length)
{
    const char *colon = strrchr(text, ':');
    char host[HOST_SIZE];
    if (!colon || (size_t)(colon - text) >= sizeof(host))
        return -EINVAL;
    size_t length = (size_t)(colon - text);
    memset(ret_address, 0, sizeof(*ret_address));
    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
        memcpy(host, text + 1, length - 2);
        host[length - 2] = '\0';
        ret_address->v6.sin6_family = AF_INET6;
        *ret_length = sizeof(ret_address->v6);
        if (inet_pton(AF_INET6, host, &ret_address->v6.sin6_addr) != 1)
            return -EINVAL;
        return parse_port(colon + 1, &ret_address->v6.sin6_port);
    }
    memcpy(host, text, length);
    host[length] = '\0';
    ret_address->v4.sin_family = AF_INET;
    *ret_length = sizeof(ret_address->v4);
    if (inet_pton(AF_INET, host, &ret_address->v4.sin_addr) != 1)
        return -EINVAL;
    return parse_port(colon + 1, &ret_address->v4.sin_port);
}

static int bound_port(int listener)
{
    union address address = {.any.sa_family = AF_UNSPEC};
    socklen_t length = sizeof(address);
    if (getsockname(listener, &address.any, &length) < 0)
        return -errno;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int listener_open(const char *address, int *ret_port)
{
    static const int on = 1;
    union address parsed;
    socklen_t length;
    int fault = parse_address(address, &parsed, &length);
    if (fault)
        return fault;
    int listener = socket(parsed.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return -errno;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        bind(listener, &parsed.any, length) < 0) {
        fault = -errno;
        close(listener);
        return fault;
    }
    if (ret_port)
        *ret_port = bound_port(listener);
    return listener;
}

int listener_listen(int listener, int backlog)
{
    return listen(listener, backlog) < 0 ? -errno : 0;
}

int listener_accept(int listener)
{
    static const int on = 1;
    int connection;
    do {
        connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (connection < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (connection < 0)
        return -errno;
    /* May fail if the peer has gone already; the first read tells. */
    (void)setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connection;
}
