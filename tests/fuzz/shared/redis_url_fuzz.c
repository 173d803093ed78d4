#include <stdint.h>
#include <stdlib.h>

#include "shared/base/memory.h"
#include "shared/redis/redis_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redis_url url;
    char *text = memory_strndup((const char *)data, size);
    if (redis_url_parse(text, &url) == 0 &&
        (!*url.host == !*url.path || url.port < 0 || url.port > 65535 || url.database < 0))
        abort();
    free(text);
    return 0;
}
