#include "shared/access/channel_name.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const struct {
    const char *text;
    enum channel_kind kind;
} namespaces[] = {{"metrics:", CHANNEL_METRICS}, {"jobs:", CHANNEL_JOBS},
                  {"thread:", CHANNEL_THREAD},   {"audit:", CHANNEL_AUDIT},
                  {"keys:", CHANNEL_KEYS},       {"wallet:", CHANNEL_WALLET}};

#define SYSTEM_NAME "system"

bool partner_code_valid(const char *text, size_t length)
{
    if (length < 1 || length >= CHANNEL_CODE_SIZE)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return true;
}

/* Cuts `prefix` off the front if it is there. */
static bool take(const char **text, size_t *length, const char *prefix)
{
    size_t prefix_length = strlen(prefix);
    if (*length < prefix_length || memcmp(*text, prefix, prefix_length) != 0)
        return false;
    *text += prefix_length;
    *length -= prefix_length;
    return true;
}

static int parse_scope(const char *text, size_t length, struct channel_name *name)
{
    if (take(&text, &length, "platform")) {
        name->platform = true;
        bool of_partners = name->kind == CHANNEL_KEYS || name->kind == CHANNEL_WALLET;
        return length == 0 && !of_partners ? 0 : -EINVAL;
    }
    if (!take(&text, &length, "partner:") || !partner_code_valid(text, length))
        return -EINVAL;
    memcpy(name->code, text, length);
    return 0;
}

static int parse_thread(const char *text, size_t length, struct channel_name *name)
{
    if (length < 1 || length >= CHANNEL_ID_SIZE)
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '_')
            return -EINVAL;
    }
    memcpy(name->id, text, length);
    return 0;
}

int channel_name_parse(const char *text, size_t length, struct channel_name *ret_name)
{
    if (length == strlen(SYSTEM_NAME) && memcmp(text, SYSTEM_NAME, length) == 0) {
        *ret_name = (struct channel_name){.kind = CHANNEL_SYSTEM, .platform = true};
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(namespaces); i++) {
        struct channel_name name = {.kind = namespaces[i].kind};
        if (!take(&text, &length, namespaces[i].text))
            continue;
        int fault = name.kind == CHANNEL_THREAD ? parse_thread(text, length, &name)
                                                : parse_scope(text, length, &name);
        if (!fault)
            *ret_name = name;
        return fault;
    }
    return -EINVAL;
}
