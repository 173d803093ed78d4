/* What each API key was used for: counted with the key, written every five seconds in one statement
 * (api.keys_used), which gives the lines for keys:partner:CODE; they are published here. Nothing
 * waits for it. What could not be written is added to the next; when only the answer was lost, it
 * is counted twice, and what fails when the process ends is not counted. */
#ifndef MH_INGEST_KEY_USAGE_H
#define MH_INGEST_KEY_USAGE_H

#include <uv.h>

#include "ingest/http/keys.h"
#include "ingest/publish/publisher.h"
#include "shared/postgres/pg_link.h"

struct key_usage;

/* `link` and `publisher` are borrowed; the link must be closed first, the keys freed later. */
MUST_CHECK int key_usage_open(uv_loop_t *loop, struct pg_link *link, struct publisher *publisher,
                              struct key_usage **ret_usage);
/* Nothing with usage NULL, when all is being closed. */
void key_usage_add(struct key_usage *usage, struct key *key, unsigned requests, unsigned events);
/* Writes what is there now, unless that has just failed; whether a statement is running. */
bool key_usage_flush(struct key_usage *usage);
void key_usage_close(struct key_usage *usage, void (*on_closed)(void *owner), void *owner);

#endif
