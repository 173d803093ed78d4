#include "hub/channel/partner_names.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"

void partner_names_done(struct partner_names *names)
{
    HASH_CLEAR(hh, names->by_code);
    for (uint32_t i = 0; i < names->count; i++)
        free(names->by_id[i]);
    free(names->by_id);
    *names = (struct partner_names){.count = 0};
}

static struct partner_entry *find(const struct partner_names *names, const char *code)
{
    struct partner_entry *entry;
    HASH_FIND_STR(names->by_code, code, entry);
    return entry;
}

struct partner_entry *partner_names_get(struct partner_names *names, const char *code)
{
    struct partner_entry *entry = find(names, code);
    if (entry)
        return entry;
    if (names->count == names->capacity) {
        names->capacity = names->capacity ? names->capacity * 2 : 16;
        names->by_id =
            memory_realloc(names->by_id, names->capacity * sizeof(struct partner_entry *));
    }
    entry = memory_zalloc(sizeof(*entry));
    size_t length = strnlen(code, sizeof(entry->code) - 1);
    memcpy(entry->code, code, length);
    memcpy(entry->name, code, length);
    names->by_id[names->count++] = entry;
    entry->id = names->count;
    names->unnamed++;
    HASH_ADD_STR(names->by_code, code, entry);
    return entry;
}

struct partner_entry *partner_names_by_id(const struct partner_names *names, uint32_t id)
{
    return id && id <= names->count ? names->by_id[id - 1] : NULL;
}

/* Cuts at a character's border. */
static size_t utf8_prefix(const char *text, size_t limit)
{
    size_t length = strlen(text);
    if (length <= limit)
        return length;
    while (limit && ((unsigned char)text[limit] & 0xC0) == 0x80)
        limit--;
    return limit;
}

void partner_names_set(struct partner_names *names, const char *code, const char *name)
{
    struct partner_entry *entry = partner_names_get(names, code);
    size_t length = utf8_prefix(name, sizeof(entry->name) - 1);
    if (!entry->version)
        names->unnamed--;
    if (entry->version && strlen(entry->name) == length && !memcmp(entry->name, name, length))
        return;
    entry->version++;
    names->changes++;
    memcpy(entry->name, name, length);
    entry->name[length] = '\0';
}
