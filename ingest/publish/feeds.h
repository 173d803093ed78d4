/* What a transaction appended to channels, as its functions left it in the setting mh.feeds. */
#ifndef MH_INGEST_FEEDS_H
#define MH_INGEST_FEEDS_H

#include "ingest/publish/publisher.h"

/* `text` is a JSON array of {channel, epoch, seq, payload}; NULL or empty: nothing. Call it when
 * the transaction is known to have been committed. */
void feeds_publish(struct publisher *publisher, const char *text, size_t length);

#endif
