/* The JSON reader beside jansson: the same texts are taken, and written the same. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/events/json_tree.h"

#define MAX_DEPTH 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct json_node *root;
    struct json_fault fault = {0};
    json_t *expected =
        json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    int error = json_tree_read(&arena, (const char *)data, size, MAX_DEPTH, &root, &fault);
    /* jansson takes a NUL for the end. */
    bool ends_early = memchr(data, 0, size) != NULL;
    require(fault.too_deep || (error && ends_early) || (error == 0) == (expected != NULL));
    if (error == 0) {
        char *dumped = json_dumps(expected, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
        struct text written = json_tree_write(root, &arena);
        require(dumped && strlen(dumped) == written.length &&
                memcmp(dumped, written.bytes, written.length) == 0);
        free(dumped);
    }
    json_decref(expected);
    arena_done(&arena);
    return 0;
}
