#include "ingest/http/forwarded.h"

#include <errno.h>
#include <string.h>

#include "shared/base/buffer.h"

int forwarded_parse_trusted(const char *text, struct networks **ret_trusted)
{
    struct buffer spaced = {0};
    for (const char *at = text; *at; at++) {
        bool parts = *at == ',' || *at == ' ';
        if (!parts)
            buffer_append(&spaced, at, 1);
        else if (spaced.length && spaced.data[spaced.length - 1] != ' ')
            buffer_append(&spaced, " ", 1);
    }
    buffer_append(&spaced, "", 1);
    *ret_trusted = NULL;
    int error = spaced.length > 1 ? networks_parse(spaced.data, ret_trusted) : 0;
    buffer_done(&spaced);
    return error;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* The entry that ends at `end`, without the spaces around it. -EINVAL if it is no address. */
static int read_entry(const char *chain, size_t begin, size_t end, char out[NETWORKS_ADDRESS_SIZE])
{
    char text[NETWORKS_ADDRESS_SIZE];
    while (begin < end && is_space(chain[begin]))
        begin++;
    while (end > begin && is_space(chain[end - 1]))
        end--;
    if (end - begin >= sizeof(text))
        return -EINVAL;
    memcpy(text, chain + begin, end - begin);
    text[end - begin] = '\0';
    return networks_address(text, out);
}

const char *forwarded_client(const struct networks *trusted, const char *peer, const char *chain,
                             char out[NETWORKS_ADDRESS_SIZE])
{
    if (!chain || !trusted || !networks_contain(trusted, peer))
        return peer;
    for (size_t end = strlen(chain);;) {
        size_t begin = end;
        while (begin > 0 && chain[begin - 1] != ',')
            begin--;
        if (read_entry(chain, begin, end, out))
            return peer;
        if (begin == 0 || !networks_contain(trusted, out))
            return out;
        end = begin - 1;
    }
}
