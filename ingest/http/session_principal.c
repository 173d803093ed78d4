#include "ingest/http/session_principal.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static int copy_text(char *out, size_t size, const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text || strlen(text) >= size)
        return -EINVAL;
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

static int parse_role(const char *scope, const json_t *value, enum role *ret_role)
{
    char name[64];
    const char *text = json_string_value(value);
    if (!text || snprintf(name, sizeof(name), "%s.%s", scope, text) >= (int)sizeof(name))
        return -EINVAL;
    return role_parse(name, ret_role);
}

/* A name is cut where a character ends. */
static void copy_name(char *out, size_t size, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)name[length] & 0xc0) == 0x80)
            length--;
    }
    if (length)
        memcpy(out, name, length);
    out[length] = '\0';
}

static int parse_partners(const json_t *partners, struct principal *principal)
{
    size_t index;
    json_t *partner;
    json_array_foreach(partners, index, partner)
    {
        struct principal_partner *target = &principal->partners[principal->partner_count];
        if (principal->partner_count == PRINCIPAL_MAX_PARTNERS ||
            copy_text(target->code, sizeof(target->code), json_object_get(partner, "code")) ||
            parse_role("partner", json_object_get(partner, "role"), &target->role))
            return -EINVAL;
        principal->partner_count++;
    }
    return 0;
}

static int parse_object(const json_t *root, struct principal *principal)
{
    const json_t *staff = json_object_get(root, "staff");
    memset(principal, 0, sizeof(*principal));
    copy_name(principal->name, sizeof(principal->name),
              json_string_value(json_object_get(root, "name")));
    principal->expires_ms = json_integer_value(json_object_get(root, "expires_ms"));
    if (copy_text(principal->user_id, sizeof(principal->user_id), json_object_get(root, "user")) ||
        copy_text(principal->session_id, sizeof(principal->session_id),
                  json_object_get(root, "session")) ||
        principal->expires_ms <= 0)
        return -EINVAL;
    if (staff && !json_is_null(staff)) {
        principal->is_staff = true;
        return parse_role("staff", staff, &principal->staff_role);
    }
    return parse_partners(json_object_get(root, "partners"), principal);
}

int session_principal_parse(const char *json, size_t length, struct principal *ret_principal)
{
    struct principal principal;
    json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL);
    int error = root ? parse_object(root, &principal) : -EINVAL;
    json_decref(root);
    if (!error)
        *ret_principal = principal;
    return error;
}
