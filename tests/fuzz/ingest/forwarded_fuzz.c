/* X-Forwarded-For: what comes out is the peer, or an address in the one way to write it, which no
 * text put before the chain can change unless all of the chain is trusted. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/events/arena.h"
#include "ingest/http/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char peer[] = "10.0.0.1";
    char out[NETWORKS_ADDRESS_SIZE], again[NETWORKS_ADDRESS_SIZE];
    struct arena arena = {0};
    struct networks *trusted = NULL;
    require(forwarded_parse_trusted("10.0.0.0/8, fd00::/8", &trusted) == 0);
    const char *chain = arena_text(&arena, (const char *)data, size).bytes;
    const char *client = forwarded_client(trusted, peer, chain, out);
    if (client != peer)
        require(networks_address(client, again) == 0 && strcmp(client, again) == 0);
    if (client != peer && !networks_contain(trusted, client)) {
        static const char before[] = "192.0.2.1,x,";
        char *longer = arena_array(&arena, sizeof(before) + size, 1);
        memcpy(longer, before, sizeof(before) - 1);
        memcpy(longer + sizeof(before) - 1, chain, strlen(chain) + 1);
        require(strcmp(forwarded_client(trusted, peer, longer, again), client) == 0);
    }
    networks_free(trusted);
    arena_done(&arena);
    return 0;
}
