#include "ingest/events/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/buffer.h"
#include "shared/base/memory.h"

#define CHUNK_BYTES ((size_t)4000)

struct arena_chunk {
    struct arena_chunk *previous;
    size_t size;
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena)
{
    memset(arena, 0, sizeof(*arena));
}

void arena_done(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunk, *previous; chunk; chunk = previous) {
        previous = chunk->previous;
        free(chunk);
    }
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunk;
    while (chunk && chunk->previous) {
        struct arena_chunk *previous = chunk->previous;
        free(chunk);
        chunk = previous;
    }
    arena->chunk = chunk;
    arena->next = chunk ? chunk->bytes : NULL;
    arena->end = chunk ? chunk->bytes + chunk->size : NULL;
}

void arena_reset_to(struct arena *arena, void *room, size_t size)
{
    arena_reset(arena);
    if (arena->chunk)
        return;
    arena->next = room;
    arena->end = arena->next + size;
}

/* Chunks double up to 64 kB, so that a batch of a thousand events costs few of them. */
static void arena_grow(struct arena *arena, size_t size)
{
    size_t wanted = arena->chunk ? 2 * (size_t)(arena->end - arena->chunk->bytes) : CHUNK_BYTES;
    if (wanted > 16 * CHUNK_BYTES)
        wanted = 16 * CHUNK_BYTES;
    if (wanted < size)
        wanted = size;
    struct arena_chunk *chunk = memory_alloc(sizeof(*chunk) + wanted);
    chunk->previous = arena->chunk;
    chunk->size = wanted;
    arena->chunk = chunk;
    arena->next = chunk->bytes;
    arena->end = chunk->bytes + wanted;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if ((size_t)(arena->end - arena->next) < rounded)
        arena_grow(arena, rounded);
    char *block = arena->next;
    arena->next += rounded;
    return block;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (count > SIZE_MAX / 2 / (size ? size : 1))
        abort();
    void *block = arena_alloc(arena, count * size);
    memset(block, 0, count * size);
    return block;
}

struct text arena_text(struct arena *arena, const char *bytes, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (length)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return (struct text){copy, (uint32_t)length};
}

const char *arena_i64(struct arena *arena, int64_t value)
{
    char digits[DECIMAL_SIZE];
    size_t at = decimal_i64(value, digits);
    return arena_text(arena, digits + at, sizeof(digits) - at).bytes;
}

const char *arena_printf(struct arena *arena, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length < 0)
        length = 0;
    if (length >= (int)sizeof(line))
        length = (int)sizeof(line) - 1;
    return arena_text(arena, line, (size_t)length).bytes;
}
