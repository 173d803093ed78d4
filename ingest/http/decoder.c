#include "ingest/http/decoder.h"

#include <errno.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shared/base/buffer.h"
#include "shared/base/memory.h"
#include "shared/base/percent.h"

/* Kept from request to request. */
#define SPARE_TEXT_BYTES ((size_t)2048)

enum field { FIELD_TARGET, FIELD_NAME, FIELD_VALUE };

struct http_decoder {
    http_parser parser;
    struct http_piece *piece; /* while bytes are taken */
    struct buffer text;       /* the target, names and values, each with a NUL behind it */
    unsigned header_count;
    uint32_t names[HTTP_MAX_HEADERS], values[HTTP_MAX_HEADERS]; /* where they begin in it */
    enum field field;
    bool lines;         /* next come lines: of the head, before a chunk, or of the trailer */
    bool chunk_end;     /* the end of a chunk was taken */
    uint64_t announced; /* length of the body */
    bool at_end;        /* next comes the line feed that ends head or trailer */
    char before;        /* the byte before the next */
};

static struct http_decoder *decoder_of(http_parser *parser)
{
    return parser->data;
}

/* --- called back by the library --- */

static int pause_parser(http_parser *parser)
{
    http_parser_pause(parser, 1);
    return 0;
}

static int on_begin(http_parser *parser)
{
    struct http_decoder *decoder = decoder_of(parser);
    buffer_clear(&decoder->text);
    decoder->header_count = 0;
    decoder->field = FIELD_TARGET;
    return 0;
}

static int on_target(http_parser *parser, const char *at, size_t length)
{
    buffer_append(&decoder_of(parser)->text, at, length);
    return 0;
}

/* Trailers mean nothing here. */
static int on_name(http_parser *parser, const char *at, size_t length)
{
    struct http_decoder *decoder = decoder_of(parser);
    if (parser->flags & F_TRAILING)
        return 0;
    if (decoder->field != FIELD_NAME) {
        if (decoder->header_count == HTTP_MAX_HEADERS) {
            decoder->piece->too_large = true;
            return -1;
        }
        buffer_append(&decoder->text, "", 1);
        decoder->names[decoder->header_count] = (uint32_t)decoder->text.length;
        decoder->field = FIELD_NAME;
    }
    if (memchr(at, ' ', length))
        return -1;
    buffer_append(&decoder->text, at, length);
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t length)
{
    struct http_decoder *decoder = decoder_of(parser);
    if (parser->flags & F_TRAILING)
        return 0;
    if (decoder->field != FIELD_VALUE) {
        buffer_append(&decoder->text, "", 1);
        decoder->values[decoder->header_count++] = (uint32_t)decoder->text.length;
        decoder->field = FIELD_VALUE;
    }
    buffer_append(&decoder->text, at, length);
    return 0;
}

static int on_head(http_parser *parser)
{
    struct http_decoder *decoder = decoder_of(parser);
    buffer_append(&decoder->text, "", 1);
    decoder->piece->head = decoder->at_end = true;
    decoder->announced = parser->flags & F_CONTENTLENGTH ? parser->content_length : 0;
    decoder->lines = parser->flags & F_CHUNKED;
    return pause_parser(parser);
}

/* Once between two pauses. */
static int on_body(http_parser *parser, const char *at, size_t length)
{
    struct http_decoder *decoder = decoder_of(parser);
    decoder->piece->data = at;
    decoder->piece->length = length;
    return 0;
}

static int on_chunk_begin(http_parser *parser)
{
    decoder_of(parser)->lines = parser->content_length == 0;
    return pause_parser(parser);
}

static int on_chunk_end(http_parser *parser)
{
    struct http_decoder *decoder = decoder_of(parser);
    decoder->lines = true;
    if (parser->flags & F_TRAILING)
        decoder->at_end = true;
    else
        decoder->chunk_end = true;
    return pause_parser(parser);
}

static int on_complete(http_parser *parser)
{
    struct http_decoder *decoder = decoder_of(parser);
    decoder->piece->complete = true;
    decoder->lines = true;
    return pause_parser(parser);
}

static const http_parser_settings callbacks = {
    .on_message_begin = on_begin,
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_complete,
    .on_chunk_header = on_chunk_begin,
    .on_chunk_complete = on_chunk_end,
};

/* --- bytes --- */

/* Distributions build the library without its strict checks: it joins folded lines, and takes a
 * bare line feed, or any byte after a carriage return, for the end of a line. Others see other
 * lines in such bytes, so CR and LF must come together, and no line may begin with a blank. */
static bool lines_are_plain(char before, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    if (before == '\r' && length && *bytes != '\n')
        return false;
    for (const char *line = bytes; line < end; before = '\n') {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = feed ? feed : end;
        const char *carriage_return = memchr(line, '\r', (size_t)(line_end - line));
        if (before == '\n' && (*line == ' ' || *line == '\t'))
            return false;
        if (carriage_return ? carriage_return + 1 != line_end
                            : feed && (feed != bytes || before != '\r'))
            return false;
        line = feed ? feed + 1 : end;
    }
    return true;
}

static bool ends_line(char before, const char *bytes, size_t length)
{
    return length && bytes[length - 1] == '\n' &&
           (length > 1 ? bytes[length - 2] == '\r' : before == '\r');
}

/* Up to the next pause. */
static size_t parse(struct http_decoder *decoder, const char *bytes, size_t length)
{
    http_parser_pause(&decoder->parser, 0);
    size_t taken = http_parser_execute(&decoder->parser, &callbacks, bytes, length);
    enum http_errno error = HTTP_PARSER_ERRNO(&decoder->parser);
    decoder->piece->failed = error != HPE_OK && error != HPE_PAUSED;
    if (error == HPE_HEADER_OVERFLOW)
        decoder->piece->too_large = true;
    return taken;
}

size_t http_decoder_take(struct http_decoder *decoder, const char *bytes, size_t length,
                         struct http_piece *ret_piece)
{
    bool lines = decoder->lines;
    *ret_piece = (struct http_piece){0};
    decoder->piece = ret_piece;
    decoder->at_end = decoder->chunk_end = false;
    size_t taken = parse(decoder, bytes, length);
    if (decoder->at_end && !ret_piece->failed)
        taken += parse(decoder, bytes + taken, 1);
    bool plain = lines ? lines_are_plain(decoder->before, bytes, taken)
                       : !decoder->chunk_end || ends_line(decoder->before, bytes, taken);
    if (!plain) {
        ret_piece->failed = true;
        ret_piece->too_large = false;
    }
    if (ret_piece->complete)
        decoder->before = '\0';
    else if (taken)
        decoder->before = bytes[taken - 1];
    return taken;
}

/* --- the head --- */

static char *url_part(char *target, const struct http_parser_url *url,
                      enum http_parser_url_fields part)
{
    return url->field_set & (1u << part) ? target + url->field_data[part].off : NULL;
}

/* `http://host/path`, as a proxy may send it, is /path here. */
static int split_target(char *target, struct http_head *head)
{
    struct http_parser_url url;
    size_t length = strlen(target);
    http_parser_url_init(&url);
    if (length > UINT16_MAX || strpbrk(target, "\t\f") ||
        http_parser_parse_url(target, length, false, &url))
        return -EINVAL;
    char *path = url_part(target, &url, UF_PATH), *query = url_part(target, &url, UF_QUERY);
    if (path)
        path[url.field_data[UF_PATH].len] = '\0';
    if (query)
        query[url.field_data[UF_QUERY].len] = '\0';
    head->path = path ? path : "/";
    head->query = query ? query : "";
    if (!path)
        return 0;
    bool known = *path == '/' || strcmp(path, "*") == 0;
    return known && percent_decode(path, false) ? 0 : -EINVAL;
}

static void trim_end(char *value)
{
    size_t length = strlen(value);
    while (length && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        value[--length] = '\0';
}

struct counts {
    unsigned hosts, encodings;
};

/* 0, or -EINVAL for an encoding of the body that is not known here. */
static int look_at(const struct http_header *header, struct http_head *head, struct counts *counts)
{
    if (strcasecmp(header->name, "host") == 0) {
        counts->hosts++;
    } else if (strcasecmp(header->name, "expect") == 0) {
        head->expects_continue = strcasecmp(header->value, "100-continue") == 0;
    } else if (strcasecmp(header->name, "transfer-encoding") == 0) {
        counts->encodings++;
        return strcasecmp(header->value, "chunked") == 0 ? 0 : -EINVAL;
    }
    return 0;
}

static int list_headers(const struct http_decoder *decoder, char *text, struct http_header *headers,
                        struct http_head *head, struct counts *counts)
{
    for (unsigned i = 0; i < decoder->header_count; i++) {
        char *name = text + decoder->names[i], *value = text + decoder->values[i];
        trim_end(value);
        headers[i] = (struct http_header){name, value};
        /* The names that matter here have one of these initials. */
        if (strchr("hetHET", *name) && look_at(&headers[i], head, counts))
            return -EINVAL;
    }
    return 0;
}

/* That body and host are the same to every reader. */
static bool is_plain(const http_parser *parser, const struct http_head *head,
                     const struct counts *counts)
{
    bool known = parser->http_major == 1 && parser->http_minor <= 1;
    return known && parser->method != HTTP_CONNECT && counts->encodings == head->chunked &&
           !(head->chunked && (head->old || parser->flags & F_CONTENTLENGTH)) &&
           (counts->hosts == 1 || (head->old && counts->hosts == 0));
}

int http_decoder_head(struct http_decoder *decoder, struct arena *arena, struct http_head *ret_head)
{
    const http_parser *parser = &decoder->parser;
    struct counts counts = {0};
    char *text = arena_alloc(arena, decoder->text.length);
    struct http_header *headers = arena_array(arena, decoder->header_count, sizeof(*headers));
    memcpy(text, decoder->text.data, decoder->text.length);
    if (decoder->text.capacity > SPARE_TEXT_BYTES)
        buffer_done(&decoder->text);
    *ret_head = (struct http_head){
        .method = http_method_str((enum http_method)parser->method),
        .header_count = decoder->header_count,
        .headers = headers,
        .length = decoder->announced,
        .chunked = parser->flags & F_CHUNKED,
        .keep_alive = http_should_keep_alive(parser),
        .old = parser->http_major == 1 && parser->http_minor == 0,
    };
    int error = list_headers(decoder, text, headers, ret_head, &counts);
    if (error || !is_plain(parser, ret_head, &counts))
        return -EINVAL;
    return split_target(text, ret_head);
}

/* --- life --- */

void http_decoder_set_max_header(unsigned bytes)
{
    http_parser_set_max_header_size(bytes);
}

struct http_decoder *http_decoder_new(void)
{
    struct http_decoder *decoder = memory_zalloc(sizeof(*decoder));
    http_parser_init(&decoder->parser, HTTP_REQUEST);
    decoder->parser.data = decoder;
    decoder->lines = true;
    return decoder;
}

void http_decoder_free(struct http_decoder *decoder)
{
    if (!decoder)
        return;
    buffer_done(&decoder->text);
    free(decoder);
}
