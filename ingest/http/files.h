/* The built web client, read and compressed once at start and served from memory: strong ETags,
 * gzip and Brotli, immutable caching of hashed assets, index.html for every page address. */
#ifndef MH_INGEST_FILES_H
#define MH_INGEST_FILES_H

#include <stdbool.h>

#include "ingest/http/request.h"

struct files;

/* `root` may be "" (no web client). `hub_url` is where pages may open a WebSocket. 0 or -errno of
 * what could not be read. */
MUST_CHECK int files_load(const char *root, const char *hub_url, struct files **ret_files);
void files_free(struct files *files);
unsigned files_count(const struct files *files);
/* Answers a GET; false when there is nothing for the path. */
bool files_answer(const struct files *files, struct http_request *request);

#endif
