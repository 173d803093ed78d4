#include "shared/base/memory.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"

static void *require(void *block, size_t size)
{
    if (!block) {
        log_error("out of memory (%zu bytes wanted)", size);
        abort();
    }
    return block;
}

void *memory_alloc(size_t size)
{
    return require(malloc(size ? size : 1), size);
}

void *memory_zalloc(size_t size)
{
    return require(calloc(1, size ? size : 1), size);
}

void *memory_realloc(void *block, size_t size)
{
    return require(realloc(block, size ? size : 1), size);
}

void *memory_array(size_t count, size_t size)
{
    /* calloc refuses a product that overflows. */
    return require(calloc(count ? count : 1, size ? size : 1), size);
}

char *memory_strdup(const char *string)
{
    return memory_strndup(string, strlen(string));
}

char *memory_strndup(const char *bytes, size_t length)
{
    char *copy = memory_alloc(length + 1);
    if (length)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}
