#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/http/decoder.h"
#include "shared/base/buffer.h"
#include "shared/base/memory.h"
#include "shared/base/percent.h"

#define MAX_HEADER 2000

static struct http_head head;
static struct arena arena;

/* What came of one request. */
static struct {
    bool complete, failed, too_large;
    size_t taken; /* up to its end */
    char body[64 * 1024];
    size_t length;
} seen;

/* Takes pieces of at most `step` bytes up to the end of the first request. */
static void decode(const char *source, size_t size, size_t step)
{
    struct http_decoder *decoder = http_decoder_new();
    struct http_piece piece = {0};
    memset(&seen, 0, sizeof(seen));
    arena_reset(&arena);
    while (seen.taken < size && !piece.complete && !seen.failed) {
        size_t left = size - seen.taken < step ? size - seen.taken : step;
        /* Of its own, so that the sanitizer sees reads past it. */
        char *bytes = memory_alloc(left);
        memcpy(bytes, source + seen.taken, left);
        size_t taken = http_decoder_take(decoder, bytes, left, &piece);
        assert_true(taken <= left);
        seen.taken += taken;
        seen.failed = piece.failed || (piece.head && http_decoder_head(decoder, &arena, &head));
        if (piece.length && !piece.failed)
            memcpy(seen.body + seen.length, piece.data, piece.length);
        seen.length += piece.length;
        free(bytes);
    }
    seen.complete = piece.complete && !seen.failed;
    seen.too_large = piece.too_large;
    http_decoder_free(decoder);
}

/* 0 if there is a complete request with all bytes, however they are cut. */
static int parse(const char *source)
{
    size_t size = strlen(source);
    decode(source, size, 1);
    bool complete = seen.complete;
    decode(source, size, 5);
    assert_int_equal(seen.complete, complete);
    decode(source, size, size);
    assert_int_equal(seen.complete, complete);
    return complete && seen.taken == size ? 0 : -1;
}

static int set_up(void **state)
{
    (void)state;
    http_decoder_set_max_header(MAX_HEADER);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static void test_fields(void **state)
{
    (void)state;
    assert_int_equal(
        parse("POST /v1/a%20b?x=%20y&z HTTP/1.1\r\nHost: h\r\ncontent-LENGTH:  12  \r\n"
              "X-Empty:\r\nX: a: b\r\n\r\nhello, world"),
        0);
    assert_string_equal(head.method, "POST");
    assert_string_equal(head.path, "/v1/a b");
    assert_string_equal(head.query, "x=%20y&z");
    assert_int_equal(head.header_count, 4);
    assert_string_equal(head.headers[1].value, "12");
    assert_string_equal(head.headers[2].value, "");
    assert_string_equal(head.headers[3].value, "a: b");
    assert_true(!head.chunked && !head.expects_continue && head.keep_alive && !head.old);
    assert_int_equal(head.length, 12);
    assert_memory_equal(seen.body, "hello, world", 12);
    assert_int_equal(parse("GET HTTP://h:80/p?q HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_string_equal(head.path, "/p");
    assert_string_equal(head.query, "q");
    assert_int_equal(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_string_equal(head.path, "/");
    assert_int_equal(parse("GET /%00%41%2f HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_string_equal(head.path, "/%00A/");
}

static void test_connection(void **state)
{
    static const struct {
        const char *version, *header;
        bool keep_alive;
    } cases[] = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: Upgrade , CLOSE\r\n", false},
        {"1.1", "Connection: closed\r\n", true},
        {"1.0", "", false},
        {"1.0", "Connection: Keep-Alive\r\n", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char source[200];
        snprintf(source, sizeof(source), "GET / HTTP/%s\r\nHost: h\r\n%s\r\n", cases[i].version,
                 cases[i].header);
        assert_int_equal(parse(source), 0);
        assert_int_equal(head.keep_alive, cases[i].keep_alive);
    }
    assert_int_equal(parse("\r\n\r\nGET / HTTP/1.0\r\n\r\n"), 0);
    assert_true(head.old);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
                           "Content-Length: 5\r\n\r\nhello"),
                     0);
    assert_int_equal(parse("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n"
                           "Expect: 100-Continue\r\n\r\n0\r\n\r\n"),
                     0);
    assert_true(head.chunked && head.expects_continue);
}

/* Where two servers in a row could disagree, nothing is guessed. */
static void test_refused(void **state)
{
#define INCOMPLETE 2 /* of the cases */
#define HEAD "GET / HTTP/1.1\r\nHost: h\r\n"
    static const char *const cases[] = {
        "\r\n",
        HEAD "X: a\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
        "GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a\tHTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n",
        "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        "CONNECT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n",
        "SOURCE / ICE/1.0\r\nHost: h\r\nHost: h\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET *a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /%0 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /%gg HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\nHost: h\n\n",
        HEAD "X: a\n\r\n",
        HEAD "X: a\rb\r\n\r\n",
        HEAD "X: a\x7f\r\n\r\n",
        HEAD "X : a\r\n\r\n",
        HEAD "X Y: a\r\n\r\n",
        HEAD "X:\rYa\r\n\r\n",
        HEAD "X: a\r\n\rY",
        HEAD "X: a\n\r\n",
        HEAD " X: a\r\n\r\n",
        HEAD "X: a\r\n b\r\n\r\n",
        HEAD "X:\r\n b\r\n\r\n",
        HEAD "X: a\r\n\tb\r\n\r\n",
        HEAD "X\r\n\r\n",
        HEAD ": a\r\n\r\n",
        HEAD "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        HEAD "Content-Length: 1\r\n\t\r\n\r\na",
        HEAD "Content-Length:\r\n 1\r\n\r\na",
        HEAD "Content-Length : 1\r\n\r\na",
        HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        HEAD "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        HEAD "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        HEAD "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        HEAD "Transfer-Encoding: identity\r\n\r\n",
        HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        HEAD "Content-Length: +1\r\n\r\na",
        HEAD "Content-Length: 1, 1\r\n\r\na",
        HEAD "Content-Length: 0x1\r\n\r\na",
        HEAD "Content-Length:\r\n\r\n",
        HEAD "Content-Length: 99999999999999999999\r\n\r\n",
        HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        if (parse(cases[i]) == 0 || !(seen.failed || i < INCOMPLETE))
            fail_msg("taken: %s", cases[i]);
    char zero[] = HEAD "X: a\0b\r\n\r\n";
    decode(zero, sizeof(zero) - 1, SIZE_MAX);
    assert_true(seen.failed);
}

static void test_large(void **state)
{
    struct buffer source = BUFFER_INIT;
    (void)state;
    buffer_append_text(&source, HEAD);
    for (int i = 1; i < HTTP_MAX_HEADERS; i++)
        buffer_append_text(&source, "X: y\r\n");
    buffer_append(&source, "\r\n", 3);
    assert_int_equal(parse(source.data), 0);
    source.length -= 3;
    buffer_append(&source, "X: y\r\n\r\n", 9);
    assert_int_not_equal(parse(source.data), 0);
    assert_true(seen.too_large);
    buffer_clear(&source);
    buffer_append_text(&source, HEAD "X: ");
    for (int i = 0; i < MAX_HEADER; i++)
        buffer_append(&source, "y", 1);
    buffer_append(&source, "", 1);
    assert_int_not_equal(parse(source.data), 0);
    assert_true(seen.too_large);
    buffer_done(&source);
}

#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"

static void test_chunks(void **state)
{
    static const char source[] =
        CHUNKED "5\r\nhello\r\nA;x=\"y\"\r\n, world!!!\r\n000 \r\nTrailer: t\r\n\r\nGET /";
    (void)state;
    for (size_t step = 1; step < sizeof(source); step++) {
        decode(source, sizeof(source) - 1, step);
        assert_true(seen.complete && head.chunked);
        assert_int_equal(seen.length, 15);
        assert_memory_equal(seen.body, "hello, world!!!", 15);
        assert_int_equal(seen.taken, strlen(source) - 5);
    }
}

static void test_chunks_refused(void **state)
{
    static const char *const cases[] = {
        CHUNKED "\r\n",
        CHUNKED "g\r\n",
        CHUNKED "-1\r\n",
        CHUNKED "0x5\r\n",
        CHUNKED "5\nhello",
        CHUNKED "5\rXhello\r\n",
        CHUNKED "5\r\nhelloXX0\r\n\r\n",
        CHUNKED "5\r\nhello\rX0\r\n\r\n",
        CHUNKED "5\r\nhello\n\n0\r\n\r\n",
        CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n",
        CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n",
        CHUNKED "1234567890abcdef0\r\n",
        CHUNKED "0\r\nT: a\n\r\n",
        CHUNKED "0\r\nT: a\r\n b\r\n\r\n",
        CHUNKED "0\r\n\rX",
        CHUNKED ";a\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        for (size_t step = 1; step < strlen(cases[i]); step++) {
            decode(cases[i], strlen(cases[i]), step);
            if (!seen.failed)
                fail_msg("taken: %s", cases[i]);
        }
    struct buffer endless = BUFFER_INIT;
    buffer_append_text(&endless, CHUNKED "5;");
    for (int i = 0; i < 10000; i++)
        buffer_append(&endless, "x", 1);
    decode(endless.data, endless.length, 100);
    assert_true(seen.failed);
    buffer_done(&endless);
}

static void test_percent(void **state)
{
    char path[] = "/a%20+%2B%00", query[] = "a+b%2b", bad[] = "%4";
    (void)state;
    assert_true(percent_decode(path, false));
    assert_string_equal(path, "/a ++%00");
    assert_true(percent_decode(query, true));
    assert_string_equal(query, "a b+");
    assert_false(percent_decode(bad, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_connection),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_large),
        cmocka_unit_test(test_chunks),  cmocka_unit_test(test_chunks_refused),
        cmocka_unit_test(test_percent),
    };
    return cmocka_run_group_tests(tests, set_up, free_arena);
}
