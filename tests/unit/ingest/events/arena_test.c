#include "tests/unit/test.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "ingest/events/arena.h"

static void test_blocks_stay(void **state)
{
    struct arena arena = {0};
    struct text texts[2000];
    char line[32];
    (void)state;
    for (unsigned i = 0; i < ARRAY_LENGTH(texts); i++) {
        int length = snprintf(line, sizeof(line), "text %u", i);
        texts[i] = arena_text(&arena, line, (size_t)length);
    }
    for (unsigned i = 0; i < ARRAY_LENGTH(texts); i++) {
        snprintf(line, sizeof(line), "text %u", i);
        assert_string_equal(texts[i].bytes, line);
        assert_int_equal(texts[i].length, strlen(line));
    }
    arena_done(&arena);
}

static void test_large_and_aligned(void **state)
{
    struct arena arena = {0};
    (void)state;
    (void)arena_alloc(&arena, 1);
    char *large = arena_alloc(&arena, 1 << 20);
    memset(large, 7, 1 << 20);
    void *next = arena_array(&arena, 3, sizeof(long));
    assert_int_equal((uintptr_t)next % alignof(max_align_t), 0);
    assert_int_equal(((long *)next)[2], 0);
    assert_int_equal(large[(1 << 20) - 1], 7);
    arena_done(&arena);
    arena_done(&arena);
}

static void test_empty_text(void **state)
{
    struct arena arena = {0};
    (void)state;
    struct text text = arena_text(&arena, NULL, 0);
    assert_string_equal(text.bytes, "");
    assert_string_equal(arena_printf(&arena, "%d-%s", 5, "x"), "5-x");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_stay),
        cmocka_unit_test(test_large_and_aligned),
        cmocka_unit_test(test_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
