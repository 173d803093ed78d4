#include "shared/redis/redis_url.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_PORT 6379

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Copies with %XX decoded; NUL may not be encoded. */
static int decode(const char *text, size_t length, char out[REDIS_URL_PART_SIZE])
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return -EINVAL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (used + 1 >= REDIS_URL_PART_SIZE)
            return -EINVAL;
        out[used++] = c;
    }
    out[used] = '\0';
    return 0;
}

static int parse_number(const char *text, size_t length, int maximum, int *ret_number)
{
    int number = 0;
    if (length < 1 || length > 5)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        number = number * 10 + (text[i] - '0');
    }
    if (number > maximum)
        return -EINVAL;
    *ret_number = number;
    return 0;
}

/* user:password, :password or password (of the default user). */
static int parse_credentials(const char *text, size_t length, struct redis_url *url)
{
    const char *colon = memchr(text, ':', length);
    if (!colon)
        return decode(text, length, url->password);
    size_t user_length = (size_t)(colon - text);
    int fault = decode(text, user_length, url->user);
    return fault ? fault : decode(colon + 1, length - user_length - 1, url->password);
}

/* address, address:port or [IPv6 address]:port */
static int parse_host(const char *text, size_t length, struct redis_url *url)
{
    const char *end = text + length;
    const char *host = text;
    const char *host_end = memchr(text, ':', length);
    const char *after = host_end ? host_end : end;
    if (length && text[0] == '[') {
        host = text + 1;
        host_end = memchr(text, ']', length);
        if (!host_end)
            return -EINVAL;
        after = host_end + 1;
    } else {
        host_end = after;
    }
    if (host == host_end || decode(host, (size_t)(host_end - host), url->host))
        return -EINVAL;
    if (after == end)
        return 0;
    return *after == ':' ? parse_number(after + 1, (size_t)(end - after) - 1, 65535, &url->port)
                         : -EINVAL;
}

static int parse_tcp(const char *text, struct redis_url *url)
{
    size_t authority = strcspn(text, "/?");
    const char *rest = text + authority;
    const char *at = memchr(text, '@', authority);
    int fault = 0;
    if (at) {
        size_t length = (size_t)(at - text);
        fault = parse_credentials(text, length, url);
        text = at + 1;
        authority -= length + 1;
    }
    if (!fault)
        fault = parse_host(text, authority, url);
    if (fault || *rest == '\0' || strcmp(rest, "/") == 0)
        return fault;
    return *rest == '/' ? parse_number(rest + 1, strlen(rest + 1), 65535, &url->database) : -EINVAL;
}

int redis_url_parse(const char *text, struct redis_url *ret_url)
{
    static const char tcp[] = "redis://";
    static const char local[] = "unix://";
    struct redis_url url = {.port = DEFAULT_PORT};
    int fault = -EINVAL;
    if (strncmp(text, tcp, strlen(tcp)) == 0) {
        fault = parse_tcp(text + strlen(tcp), &url);
    } else if (strncmp(text, local, strlen(local)) == 0 && text[strlen(local)] == '/') {
        const char *path = text + strlen(local);
        fault = decode(path, strlen(path), url.path);
    }
    if (!fault)
        *ret_url = url;
    return fault;
}
