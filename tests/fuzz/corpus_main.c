/* Stands in for libFuzzer where it is not built in: gives each file of the folders named on the
 * command line to the fuzz target once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX_BYTES ((size_t)1 << 20)

static int run_file(const char *folder, const char *name)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = length > 0 && (size_t)length < sizeof(path) ? fopen(path, "rb") : NULL;
    if (!file) {
        perror(name);
        return -1;
    }
    uint8_t *data = memory_alloc(INPUT_MAX_BYTES);
    size_t size = fread(data, 1, INPUT_MAX_BYTES, file);
    int fault = ferror(file);
    fclose(file);
    /* A block of exactly the input's size, so that a sanitizer sees one byte too far. */
    uint8_t *input = memory_alloc(size);
    memcpy(input, data, size);
    free(data);
    if (!fault)
        LLVMFuzzerTestOneInput(input, size);
    free(input);
    return fault ? -1 : 0;
}

static int run_folder(const char *folder, unsigned *count)
{
    DIR *entries = opendir(folder);
    if (!entries) {
        perror(folder);
        return -1;
    }
    int fault = 0;
    for (struct dirent *entry = readdir(entries); entry && !fault; entry = readdir(entries)) {
        if (entry->d_name[0] == '.')
            continue;
        fault = run_file(folder, entry->d_name);
        (*count)++;
    }
    closedir(entries);
    return fault;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++) {
        if (run_folder(argv[i], &count))
            return EXIT_FAILURE;
    }
    printf("%u inputs\n", count);
    return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
