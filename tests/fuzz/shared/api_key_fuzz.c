#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shared/access/api_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_key key;
    if (api_key_parse((const char *)data, size, &key))
        return 0;
    if (size != API_KEY_TEXT_SIZE - 1 || strlen(key.public_id) != API_KEY_PUBLIC_ID_SIZE - 1 ||
        memcmp(key.public_id, data + 8, API_KEY_PUBLIC_ID_SIZE - 1) != 0)
        abort();
    return 0;
}
