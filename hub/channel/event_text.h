/* Publications as text/event-stream (WHATWG HTML, 9.2): `id:` is `epoch:offset`, where a client
 * that comes back goes on. What has no offset is an event named after its member "t". */
#ifndef MH_HUB_EVENT_TEXT_H
#define MH_HUB_EVENT_TEXT_H

#include "hub/channel/view.h"

/* offset -1: no id; name NULL: a plain message. `data` is one line of JSON. */
void event_text_append(struct buffer *out, const char *name, const char *epoch, int64_t offset,
                       const char *data, size_t length);
/* `missed` is `P,P,…` as subscriber_ops.ready gets it. */
void event_text_append_missed(struct buffer *out, const char *epoch, const struct buffer *missed);
/* The batch as events, made once for all who want it so; borrowed from the batch. */
struct frame *event_text_of_batch(const struct view *view, struct batch *batch);

/* Splits `epoch:offset`. -EINVAL: that is not its form. The epoch is borrowed from the text. */
MUST_CHECK int event_id_parse(const char *text, size_t *ret_epoch_length, int64_t *ret_offset);

#endif
