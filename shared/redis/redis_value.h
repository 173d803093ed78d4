/* A reply of Redis, as read by those who send commands. Borrowed: valid during the callback. */
#ifndef MH_REDIS_VALUE_H
#define MH_REDIS_VALUE_H

#include <stddef.h>
#include <stdint.h>

struct redis_value;

/* The error's text, or NULL if it is none. */
const char *redis_value_error(const struct redis_value *value);
/* `otherwise` if it is no integer. */
int64_t redis_value_integer(const struct redis_value *value, int64_t otherwise);
/* NULL if it is neither a string nor a status; NUL-terminated. */
const char *redis_value_text(const struct redis_value *value, size_t *ret_length);
/* Elements of an array; 0 if it is none. */
size_t redis_value_count(const struct redis_value *value);
const struct redis_value *redis_value_at(const struct redis_value *value, size_t index);

#endif
