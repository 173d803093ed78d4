/* Channel grammar `namespace:scope[:id]`, from the catalogue of channels. Now: metrics, jobs and
 * audit, each of the platform or of one partner, keys and wallet of one partner, threads of
 * messages, and `system`, which is everybody's. */
#ifndef MH_CHANNEL_NAME_H
#define MH_CHANNEL_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/base.h"

#define CHANNEL_CODE_SIZE 33  /* partner code: [A-Z0-9_-]{1,32} and NUL */
#define CHANNEL_ID_SIZE 41    /* public id, e.g. thr_…: [0-9A-Za-z_]{1,40} and NUL */
#define CHANNEL_NAME_SIZE 128 /* whole name and NUL */

enum channel_kind {
    CHANNEL_METRICS,
    CHANNEL_JOBS,
    CHANNEL_THREAD,
    CHANNEL_AUDIT,
    CHANNEL_KEYS,
    CHANNEL_WALLET,
    CHANNEL_SYSTEM, /* settings that changed, said without what only some may know */
    CHANNEL_CONTROL /* `ctl:authz`, which hubs follow: no name that a client gives is of it */
};

struct channel_name {
    enum channel_kind kind;
    bool platform;                /* else of one partner: */
    char code[CHANNEL_CODE_SIZE]; /* "" for the platform and for threads */
    char id[CHANNEL_ID_SIZE];     /* of a thread, else "" */
};

/* 0 or -EINVAL; `text` is a client's and need not be NUL-terminated. */
MUST_CHECK int channel_name_parse(const char *text, size_t length, struct channel_name *ret_name);
bool partner_code_valid(const char *text, size_t length);

#endif
