/* Codes and names of all partners that this process has seen. An entry lives as long as the
 * directory, so that others may keep pointers to it; a new name gets a new version. */
#ifndef MH_HUB_PARTNER_NAMES_H
#define MH_HUB_PARTNER_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "shared/access/channel_name.h"

#define PARTNER_NAME_SIZE 256

struct partner_entry {
    uint32_t id; /* from 1, in order of appearance */
    uint32_t version;
    char code[CHANNEL_CODE_SIZE];
    char name[PARTNER_NAME_SIZE]; /* the code until the name is known */
    UT_hash_handle hh;
};

struct partner_names {
    struct partner_entry *by_code;
    struct partner_entry **by_id;
    uint32_t count, capacity;
    uint32_t unnamed; /* how many still carry their code as name */
    uint32_t changes; /* of names */
};

void partner_names_done(struct partner_names *names);
/* Finds or makes the entry. */
struct partner_entry *partner_names_get(struct partner_names *names, const char *code);
struct partner_entry *partner_names_by_id(const struct partner_names *names, uint32_t id);
void partner_names_set(struct partner_names *names, const char *code, const char *name);

#endif
