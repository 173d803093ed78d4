#include <stdint.h>
#include <stdlib.h>

#include "shared/base/memory.h"
#include "shared/redis/redis_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redis_url url = {.address_count = 0};
    char *text = memory_strndup((const char *)data, size);
    if (redis_url_parse(text, &url) == 0 &&
        (!url.address_count == !*url.path || url.address_count > REDIS_URL_MAX_ADDRESSES ||
         url.database < 0 || (*url.master && !url.address_count)))
        abort();
    for (size_t i = 0; i < url.address_count; i++) {
        const struct redis_address *address = &url.addresses[i];
        if (!redis_host_valid(address->host) || address->port < 0 || address->port > 65535)
            abort();
    }
    free(text);
    return 0;
}
