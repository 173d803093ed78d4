/* HTTP/1 requests out of a connection's bytes, however they are cut. libhttp-parser parses (it is
 * in no other file); what is added is what it takes and two servers in a row could read
 * differently: that is refused.
 *
 * One per connection, which owns it. Nothing is called back; http_decoder_take stops wherever there
 * is something to decide. */
#ifndef MH_INGEST_HTTP_DECODER_H
#define MH_INGEST_HTTP_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/events/arena.h"
#include "shared/base/base.h"

#define HTTP_MAX_HEADERS 100

struct http_decoder;

struct http_header {
    const char *name, *value;
};

struct http_head {
    const char *method; /* static */
    const char *path;   /* percent-decoded */
    const char *query;  /* as sent, "" if none */
    unsigned header_count;
    const struct http_header *headers;
    uint64_t length;                                 /* of the body, 0 if it is not announced */
    bool chunked, expects_continue, keep_alive, old; /* old: HTTP/1.0 */
};

/* What bytes have brought: a head, or some of a body, either of which may complete the request. */
struct http_piece {
    bool head, complete;
    bool failed;    /* this is no HTTP; the decoder is of no further use */
    bool too_large; /* and the reason is the size of the head */
    const char *data;
    size_t length;
};

/* The largest head, for all decoders. */
void http_decoder_set_max_header(unsigned bytes);
struct http_decoder *http_decoder_new(void);
void http_decoder_free(struct http_decoder *decoder);
/* Takes `bytes` (at least one) up to the end of one piece, and says how many those were. Data lie
 * in `bytes`. May bring nothing although bytes are left. */
MUST_CHECK size_t http_decoder_take(struct http_decoder *decoder, const char *bytes, size_t length,
                                    struct http_piece *ret_piece);
/* After a piece with a head, once; its strings are put into the arena. 0, or -EINVAL if it must be
 * refused. */
MUST_CHECK int http_decoder_head(struct http_decoder *decoder, struct arena *arena,
                                 struct http_head *ret_head);

#endif
