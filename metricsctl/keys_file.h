/* API keys by partner code, from a JSON file of mode 0600: {"CODE": "key"}, or an object with such
 * a member `keys`, as .local/run.json is. */
#ifndef MH_KEYS_FILE_H
#define MH_KEYS_FILE_H

#include <jansson.h>

#include "shared/base/base.h"

/* A new reference to the {"CODE": "key"} object, or NULL after an error line. */
json_t *keys_load(const char *command, const char *path);
/* The keys of an existing file, or an empty object if there is none; NULL after an error line. */
json_t *keys_load_or_new(const char *command, const char *path);
/* Replaces the file in one step. 0 or EXIT_FAILED after an error line. */
MUST_CHECK int keys_save(const char *command, const char *path, const json_t *keys);

#endif
