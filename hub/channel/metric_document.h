/* The document of a metrics channel: every value that a client may see, with its class. The members
 * are listed in metric_document.c. */
#ifndef MH_HUB_METRIC_DOCUMENT_H
#define MH_HUB_METRIC_DOCUMENT_H

#include "hub/channel/document.h"
#include "hub/channel/metric_scope.h"

/* Owner of name and text: struct partner_names. */
extern const struct document_kind metric_document_kind;

/* Partners of a platform document that are shown on their own; the rest is summed as "_other". */
#define METRIC_TOP_PARTNERS 20

/* Renders the scope at the time to which it was advanced. */
void metric_document_render(struct metric_scope *scope, struct document *ret_document);

#endif
