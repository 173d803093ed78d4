/* Allocation that does not fail: out of memory ends the process with one log line, since every
 * acknowledged event is in Postgres and the supervisor starts us again. Free with free(). */
#ifndef MH_MEMORY_H
#define MH_MEMORY_H

#include <stddef.h>

void *memory_alloc(size_t size);
void *memory_zalloc(size_t size);
void *memory_realloc(void *block, size_t size);
/* Array of `count` zeroed elements; overflow of the product ends the process too. */
void *memory_array(size_t count, size_t size);
char *memory_strdup(const char *string);
/* Copy of `length` bytes with a terminating NUL. */
char *memory_strndup(const char *bytes, size_t length);

#endif
