#include "shared/redis/redis_url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "shared/base/percent.h"

#define DEFAULT_PORT 6379
#define SENTINEL_PORT 26379

/* Copies with %XX decoded; NUL may not be encoded. */
static int decode(const char *text, size_t length, char out[REDIS_URL_PART_SIZE])
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int byte = i + 2 < length ? percent_byte(text + i + 1) : -1;
            if (byte <= 0)
                return -EINVAL;
            c = (char)byte;
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
static int parse_credentials(const char *text, size_t length, char user[REDIS_URL_PART_SIZE],
                             char password[REDIS_URL_PART_SIZE])
{
    const char *colon = memchr(text, ':', length);
    if (!colon)
        return decode(text, length, password);
    size_t user_length = (size_t)(colon - text);
    int fault = decode(text, user_length, user);
    return fault ? fault : decode(colon + 1, length - user_length - 1, password);
}

bool redis_host_valid(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static int copy_host(const char *text, size_t length, struct redis_address *address)
{
    char host[REDIS_URL_PART_SIZE];
    if (decode(text, length, host) || strlen(host) >= sizeof(address->host) ||
        !redis_host_valid(host))
        return -EINVAL;
    memcpy(address->host, host, strlen(host) + 1);
    return 0;
}

/* address, address:port or [IPv6 address]:port */
static int parse_address(const char *text, size_t length, struct redis_url *url, int port)
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
    if (url->address_count == REDIS_URL_MAX_ADDRESSES)
        return -EINVAL;
    struct redis_address *address = &url->addresses[url->address_count++];
    address->port = port;
    if (copy_host(host, (size_t)(host_end - host), address))
        return -EINVAL;
    if (after == end)
        return 0;
    return *after == ':' ? parse_number(after + 1, (size_t)(end - after) - 1, 65535, &address->port)
                         : -EINVAL;
}

/* Cuts the credentials off what stands before the path. */
static int take_credentials(const char **text, size_t *length, struct redis_url *url)
{
    const char *at = memchr(*text, '@', *length);
    if (!at)
        return 0;
    size_t before = (size_t)(at - *text);
    int fault = parse_credentials(*text, before, url->user, url->password);
    *text += before + 1;
    *length -= before + 1;
    return fault;
}

/* Nothing, "/" or "/db". */
static int parse_database(const char *text, size_t length, struct redis_url *url)
{
    if (length == 0 || (length == 1 && *text == '/'))
        return 0;
    return *text == '/' ? parse_number(text + 1, length - 1, 65535, &url->database) : -EINVAL;
}

static int parse_tcp(const char *text, struct redis_url *url)
{
    size_t authority = strcspn(text, "/?");
    const char *rest = text + authority;
    int fault = take_credentials(&text, &authority, url);
    if (!fault)
        fault = parse_address(text, authority, url, DEFAULT_PORT);
    return fault ? fault : parse_database(rest, strlen(rest), url);
}

/* /master[/db][?sentinel=[user:]password] */
static int parse_master(const char *text, struct redis_url *url)
{
    static const char query[] = "?sentinel=";
    if (*text != '/')
        return -EINVAL;
    const char *name = text + 1;
    size_t length = strcspn(name, "/?");
    const char *rest = name + length;
    size_t path = strcspn(rest, "?");
    int fault = length ? decode(name, length, url->master) : -EINVAL;
    if (!fault)
        fault = parse_database(rest, path, url);
    rest += path;
    if (fault || !*rest)
        return fault;
    if (strncmp(rest, query, strlen(query)) != 0)
        return -EINVAL;
    rest += strlen(query);
    return parse_credentials(rest, strlen(rest), url->sentinel_user, url->sentinel_password);
}

static int parse_sentinels(const char *text, struct redis_url *url)
{
    size_t authority = strcspn(text, "/?");
    const char *rest = text + authority;
    int fault = take_credentials(&text, &authority, url);
    while (!fault) {
        const char *comma = memchr(text, ',', authority);
        size_t length = comma ? (size_t)(comma - text) : authority;
        fault = parse_address(text, length, url, SENTINEL_PORT);
        if (!comma)
            break;
        text += length + 1;
        authority -= length + 1;
    }
    return fault ? fault : parse_master(rest, url);
}

static int parse_socket(const char *text, struct redis_url *url)
{
    return *text == '/' ? decode(text, strlen(text), url->path) : -EINVAL;
}

int redis_url_parse(const char *text, struct redis_url *ret_url)
{
    static const struct {
        const char *text;
        int (*parse)(const char *text, struct redis_url *url);
    } schemes[] = {
        {"redis://", parse_tcp}, {"unix://", parse_socket}, {"redis+sentinel://", parse_sentinels}};
    for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++) {
        size_t length = strlen(schemes[i].text);
        struct redis_url url = {.address_count = 0};
        if (strncmp(text, schemes[i].text, length) != 0)
            continue;
        int fault = schemes[i].parse(text + length, &url);
        if (!fault)
            *ret_url = url;
        return fault;
    }
    return -EINVAL;
}
