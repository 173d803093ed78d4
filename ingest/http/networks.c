#include "ingest/http/networks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

#define ADDRESS_BYTES 16u
#define V4_AT 12u /* of an IPv4 address in its IPv6 form */
#define TEXT_SIZE 64u

struct network {
    unsigned char address[ADDRESS_BYTES]; /* IPv4 in its IPv6 form */
    unsigned bits;                        /* of these 128 */
    bool v4;
};

struct networks {
    unsigned count;
    struct network items[NETWORKS_MAX];
};

static const unsigned char v4_prefix[V4_AT] = {[10] = 0xff, [11] = 0xff};

static int parse_address(const char *text, unsigned char out[ADDRESS_BYTES], bool *ret_short)
{
    *ret_short = inet_pton(AF_INET, text, out + V4_AT) == 1;
    if (*ret_short) {
        memcpy(out, v4_prefix, V4_AT);
        return 0;
    }
    return inet_pton(AF_INET6, text, out) == 1 ? 0 : -EINVAL;
}

static bool is_v4(const unsigned char address[ADDRESS_BYTES])
{
    return memcmp(address, v4_prefix, V4_AT) == 0;
}

static int parse_bits(const char *text, unsigned most, unsigned *ret_bits)
{
    char *end;
    unsigned long bits = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || bits > most)
        return -EINVAL;
    *ret_bits = (unsigned)bits;
    return 0;
}

static int parse_network(char *text, struct network *network)
{
    bool short_form;
    char *slash = strchr(text, '/');
    if (slash)
        *slash = '\0';
    if (parse_address(text, network->address, &short_form))
        return -EINVAL;
    unsigned most = short_form ? 32 : 128;
    network->bits = most;
    if (slash && parse_bits(slash + 1, most, &network->bits))
        return -EINVAL;
    if (short_form)
        network->bits += V4_AT * 8;
    network->v4 = network->bits >= V4_AT * 8 && is_v4(network->address);
    return 0;
}

int networks_parse(const char *text, struct networks **ret_networks)
{
    struct networks *networks = memory_zalloc(sizeof(*networks));
    int error = *text ? 0 : -EINVAL;
    while (*text && !error) {
        char one[TEXT_SIZE];
        size_t length = strcspn(text, " ");
        error = length < sizeof(one) && networks->count < NETWORKS_MAX ? 0 : -EINVAL;
        if (!error) {
            memcpy(one, text, length);
            one[length] = '\0';
            error = parse_network(one, &networks->items[networks->count++]);
        }
        text += length + (text[length] == ' ');
    }
    if (error)
        free(networks);
    else
        *ret_networks = networks;
    return error;
}

static bool contains(const struct network *network, const unsigned char address[ADDRESS_BYTES])
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (network->v4 != is_v4(address) || memcmp(network->address, address, whole) != 0)
        return false;
    return rest == 0 || ((network->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool networks_contain(const struct networks *networks, const char *address)
{
    unsigned char bytes[ADDRESS_BYTES];
    bool short_form;
    if (!address || parse_address(address, bytes, &short_form))
        return false;
    for (unsigned i = 0; i < networks->count; i++)
        if (contains(&networks->items[i], bytes))
            return true;
    return false;
}

int networks_address(const char *text, char out[NETWORKS_ADDRESS_SIZE])
{
    unsigned char bytes[ADDRESS_BYTES];
    bool short_form;
    if (parse_address(text, bytes, &short_form))
        return -EINVAL;
    if (is_v4(bytes))
        inet_ntop(AF_INET, bytes + V4_AT, out, NETWORKS_ADDRESS_SIZE);
    else
        inet_ntop(AF_INET6, bytes, out, NETWORKS_ADDRESS_SIZE);
    return 0;
}

void networks_free(struct networks *networks)
{
    free(networks);
}
