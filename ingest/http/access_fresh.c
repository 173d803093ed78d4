#include "ingest/http/access_fresh.h"

#include <sodium.h>
#include <string.h>

static void set_hex(json_t *object, const char *name, const unsigned char *bytes, size_t length)
{
    char text[2 * SECRET_HASH_BYTES + 1];
    sodium_bin2hex(text, sizeof(text), bytes, length);
    json_object_set_new(object, name, json_string(text));
}

void access_fresh_key(struct access_fresh *fresh, json_t *object)
{
    struct api_key key;
    api_key_generate(API_KEY_LIVE, &key, fresh->key);
    json_object_set_new(object, "key_public_id", json_string(key.public_id));
    set_hex(object, "key_sha256", key.hash, sizeof(key.hash));
}

void access_fresh_token(struct access_fresh *fresh, json_t *object)
{
    unsigned char hash[SECRET_HASH_BYTES];
    secret_generate(fresh->token, hash);
    set_hex(object, "token_sha256", hash, sizeof(hash));
}

static void show(struct buffer *out, const char *name, const char *secret)
{
    if (!*secret)
        return;
    buffer_append_text(out, "\"");
    buffer_append_text(out, name);
    buffer_append_text(out, "\":");
    buffer_append_json_string(out, secret, strlen(secret));
    buffer_append_text(out, ",");
}

bool access_fresh_show(struct access_fresh *fresh, const char *answer, size_t length,
                       bool show_token, struct buffer *out)
{
    json_t *root = json_loadb(answer, length, 0, NULL);
    const char *environment = json_string_value(json_object_get(root, "environment"));
    bool is_object = json_is_object(root), is_empty = json_object_size(root) == 0;
    if (is_object && *fresh->key && environment && strcmp(environment, "test") == 0)
        api_key_set_environment(fresh->key, API_KEY_TEST);
    json_decref(root);
    if (!is_object)
        return false;
    buffer_append_text(out, "{");
    show(out, "key", fresh->key);
    if (show_token)
        show(out, "token", fresh->token);
    if (is_empty && out->data[out->length - 1] == ',')
        out->length--;
    const char *brace = memchr(answer, '{', length);
    buffer_append(out, brace + 1, length - (size_t)(brace + 1 - answer));
    return true;
}

void access_fresh_wipe(struct access_fresh *fresh)
{
    sodium_memzero(fresh, sizeof(*fresh));
}
