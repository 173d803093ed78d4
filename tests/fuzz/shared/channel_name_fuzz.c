/* What is accepted can be written again, and is the same text. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/access/channel_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int write_name(const struct channel_name *name, char *out, size_t size)
{
    static const char *const namespaces[] = {
        [CHANNEL_METRICS] = "metrics", [CHANNEL_JOBS] = "jobs", [CHANNEL_THREAD] = "thread",
        [CHANNEL_AUDIT] = "audit",     [CHANNEL_KEYS] = "keys", [CHANNEL_WALLET] = "wallet"};
    if (name->kind == CHANNEL_SYSTEM)
        return snprintf(out, size, "system");
    if (name->kind == CHANNEL_THREAD)
        return snprintf(out, size, "thread:%s", name->id);
    return snprintf(out, size, "%s:%s%s", namespaces[name->kind],
                    name->platform ? "platform" : "partner:", name->code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel_name name;
    char text[CHANNEL_NAME_SIZE];
    if (channel_name_parse((const char *)data, size, &name))
        return 0;
    int length = write_name(&name, text, sizeof(text));
    if (length < 0 || (size_t)length != size || memcmp(text, data, size) != 0)
        abort();
    return 0;
}
