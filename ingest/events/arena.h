/* Bump allocator for everything that lives as long as one request: decoded strings, verdicts,
 * header values. Nothing is freed one by one; pointers stay valid until arena_done. */
#ifndef MH_INGEST_ARENA_H
#define MH_INGEST_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/base.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk;
    char *next, *end;
};

/* Bytes of the request in the arena or in its body. `bytes` NULL: absent. Not NUL-terminated unless
 * it came from arena_text. */
struct text {
    const char *bytes;
    uint32_t length;
};

#define TEXT_LITERAL(literal) ((struct text){(literal), sizeof(literal) - 1})

/* Zero-initialise, or: */
void arena_init(struct arena *arena);
void arena_done(struct arena *arena);
/* As done, but keeps the first chunk for the next use. */
void arena_reset(struct arena *arena);
/* As reset; while no chunk is needed, the memory is `room`, which outlives the use. */
void arena_reset_to(struct arena *arena, void *room, size_t size);
/* Uninitialised, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);
/* A NUL-terminated copy. */
struct text arena_text(struct arena *arena, const char *bytes, size_t length);
/* The number in decimal. */
const char *arena_i64(struct arena *arena, int64_t value);
const char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
