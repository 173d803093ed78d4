/* Compiler attributes and the two macros that every module needs. */
#ifndef MH_BASE_H
#define MH_BASE_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The object of type `type` whose member `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
