#include "shared/redis/redis_value.h"

#include <assert.h>
#include <hiredis/hiredis.h>

/* A redis_value is hiredis' reply under a name that other folders may know. */
static const redisReply *reply_of(const struct redis_value *value)
{
    return (const redisReply *)(const void *)value;
}

const char *redis_value_error(const struct redis_value *value)
{
    const redisReply *reply = reply_of(value);
    return reply->type == REDIS_REPLY_ERROR ? reply->str : NULL;
}

int64_t redis_value_integer(const struct redis_value *value, int64_t otherwise)
{
    const redisReply *reply = reply_of(value);
    return reply->type == REDIS_REPLY_INTEGER ? reply->integer : otherwise;
}

const char *redis_value_text(const struct redis_value *value, size_t *ret_length)
{
    const redisReply *reply = reply_of(value);
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
        return NULL;
    if (ret_length)
        *ret_length = (size_t)reply->len;
    return reply->str;
}

size_t redis_value_count(const struct redis_value *value)
{
    const redisReply *reply = reply_of(value);
    return reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
}

const struct redis_value *redis_value_at(const struct redis_value *value, size_t index)
{
    const redisReply *reply = reply_of(value);
    assert(index < redis_value_count(value));
    return (const struct redis_value *)(const void *)reply->element[index];
}
