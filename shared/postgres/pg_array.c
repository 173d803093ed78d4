#include "shared/postgres/pg_array.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* The binary form: dimensions, has-null flag, element OID, then per dimension its length and lower
 * bound, then per element its length (-1: NULL) and bytes; all big-endian. An empty array has no
 * dimension. */
#define EMPTY_HEADER_BYTES 12
#define HEADER_BYTES 20

/* Microseconds from the Unix epoch to 2000-01-01, where Postgres counts from. */
#define POSTGRES_EPOCH_US 946684800000000LL

static const struct {
    uint32_t element_oid, array_oid, width; /* width of integers, else 0 */
} element_types[] = {
    [PG_INT2] = {21, 1005, 2},          [PG_INT4] = {23, 1007, 4},  [PG_INT8] = {20, 1016, 8},
    [PG_TEXT] = {25, 1009, 0},          [PG_BYTEA] = {17, 1001, 0}, [PG_JSONB] = {3802, 3807, 0},
    [PG_TIMESTAMPTZ] = {1184, 1185, 0},
};

static void put_u32(char *out, uint32_t value)
{
    uint32_t big = htobe32(value);
    memcpy(out, &big, sizeof(big));
}

/* Writes the element's length and returns where its bytes go. */
static char *add(struct pg_array *array, uint32_t length)
{
    char *out = buffer_reserve(&array->bytes, sizeof(uint32_t) + length);
    put_u32(out, length);
    array->bytes.length += sizeof(uint32_t) + length;
    array->count++;
    return out + sizeof(uint32_t);
}

void pg_array_init(struct pg_array *array, enum pg_element element)
{
    *array = (struct pg_array){.element = element, .bytes = BUFFER_INIT};
    pg_array_clear(array);
}

void pg_array_add_null(struct pg_array *array)
{
    char *out = buffer_reserve(&array->bytes, sizeof(uint32_t));
    put_u32(out, UINT32_MAX);
    array->bytes.length += sizeof(uint32_t);
    array->count++;
    array->has_null = true;
}

void pg_array_add_int(struct pg_array *array, int64_t value)
{
    uint32_t width = element_types[array->element].width;
    assert(width);
    /* The low bytes of the big-endian form are its last ones. */
    uint64_t big = htobe64((uint64_t)value);
    memcpy(add(array, width), (char *)&big + sizeof(big) - width, width);
}

void pg_array_add_bytes(struct pg_array *array, const void *bytes, size_t length)
{
    assert(length < INT32_MAX);
    bool jsonb = array->element == PG_JSONB;
    char *out = add(array, (uint32_t)length + jsonb);
    if (jsonb)
        *out++ = 1; /* version of the binary form */
    if (length)
        memcpy(out, bytes, length);
}

void pg_array_add_time(struct pg_array *array, int64_t unix_us)
{
    assert(array->element == PG_TIMESTAMPTZ);
    uint64_t big = htobe64((uint64_t)(unix_us - POSTGRES_EPOCH_US));
    memcpy(add(array, sizeof(big)), &big, sizeof(big));
}

struct pg_param pg_array_param(struct pg_array *array)
{
    char *header = array->bytes.data;
    put_u32(header, array->count ? 1 : 0);
    put_u32(header + 4, array->has_null);
    put_u32(header + 8, element_types[array->element].element_oid);
    put_u32(header + 12, array->count);
    put_u32(header + 16, 1);
    size_t length = array->count ? array->bytes.length : EMPTY_HEADER_BYTES;
    assert(length < INT32_MAX);
    return (struct pg_param){
        .type = element_types[array->element].array_oid,
        .data = header,
        .length = (int32_t)length,
        .binary = true,
    };
}

void pg_array_clear(struct pg_array *array)
{
    array->count = 0;
    array->has_null = false;
    buffer_clear(&array->bytes);
    buffer_reserve(&array->bytes, HEADER_BYTES);
    array->bytes.length = HEADER_BYTES;
}

void pg_array_done(struct pg_array *array)
{
    buffer_done(&array->bytes);
}
