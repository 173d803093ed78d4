/* The digest of what one audience sees of a state channel, by which a client finds out whether its
 * merged copy is right: the sum, modulo 2^32, over the leaves of the state of XXH32 of `path=value`
 * (path: member names joined by `/`; value: a number as JavaScript prints it, or `"` and a string's
 * raw characters). A sum needs no order, so that both sides walk what they hold as they hold it.
 * Computed from the structures that the state is encoded from, not from its bytes, so that a fault
 * of the encoding shows too. Pure functions; no state. */
#ifndef MH_HUB_DIGEST_H
#define MH_HUB_DIGEST_H

#include <stdint.h>

#include "hub/channel/document.h"
#include "hub/channel/job_state.h"

/* `owner` is the kind's. The document is whole, not a difference. */
uint32_t digest_document(const struct document_kind *kind, const void *owner,
                         const struct document *document, uint32_t mask);
uint32_t digest_jobs(const struct job_picture *picture, uint32_t mask);

/* A number in millionths as JavaScript prints it once it has read its JSON text. */
void digest_append_micros(struct buffer *out, int64_t micros);
/* Likewise an integer, which beyond 2^53 is no longer what was written. */
void digest_append_integer(struct buffer *out, int64_t value);

#endif
