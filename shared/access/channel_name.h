/* Channel grammar `namespace:scope[:id]`, from the catalogue of channels. Now: metrics and jobs,
 * each of the platform or of one partner. */
#ifndef MH_CHANNEL_NAME_H
#define MH_CHANNEL_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/base.h"

#define CHANNEL_CODE_SIZE 33  /* partner code: [A-Z0-9_-]{1,32} and NUL */
#define CHANNEL_NAME_SIZE 128 /* whole name and NUL */

enum channel_kind { CHANNEL_METRICS, CHANNEL_JOBS };

struct channel_name {
    enum channel_kind kind;
    bool platform;                /* else of one partner: */
    char code[CHANNEL_CODE_SIZE]; /* "" for the platform */
};

/* 0 or -EINVAL; `text` is a client's and need not be NUL-terminated. */
MUST_CHECK int channel_name_parse(const char *text, size_t length, struct channel_name *ret_name);
bool partner_code_valid(const char *text, size_t length);

#endif
