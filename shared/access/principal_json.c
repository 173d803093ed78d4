#include "shared/access/principal_json.h"

#include <errno.h>
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

int permissions_from_json(const json_t *array, uint64_t all, uint64_t *ret_permissions)
{
    uint64_t permissions = 0;
    if (!json_is_array(array))
        return -EINVAL;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = json_string_value(json_array_get(array, i));
        enum permission permission;
        if (!name)
            return -EINVAL;
        if (permission_parse(name, &permission) == 0)
            permissions |= PERMISSION_BIT(permission);
    }
    *ret_permissions = permissions & all;
    return 0;
}

/* `permissions` stands there only if they are not just the role's. */
static int parse_access(const char *scope, const json_t *role, const json_t *permissions,
                        enum role *ret_role, uint64_t *ret_permissions)
{
    if (parse_role(scope, role, ret_role))
        return -EINVAL;
    *ret_permissions = role_permissions(*ret_role);
    if (!permissions || json_is_null(permissions))
        return 0;
    return permissions_from_json(permissions, *ret_permissions, ret_permissions);
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
            parse_access("partner", json_object_get(partner, "role"),
                         json_object_get(partner, "permissions"), &target->role,
                         &target->permissions))
            return -EINVAL;
        target->suspended = json_is_true(json_object_get(partner, "suspended"));
        principal->partner_count++;
    }
    return 0;
}

static int parse_impersonator(const json_t *impersonator, struct principal *principal)
{
    if (!impersonator || json_is_null(impersonator))
        return 0;
    return copy_text(principal->impersonator, sizeof(principal->impersonator),
                     json_object_get(impersonator, "id"));
}

static int parse_person(const json_t *root, struct principal *principal)
{
    const json_t *staff = json_object_get(root, "staff");
    memset(principal, 0, sizeof(*principal));
    copy_name(principal->name, sizeof(principal->name),
              json_string_value(json_object_get(root, "name")));
    principal->auth_ms = json_integer_value(json_object_get(root, "auth_ms"));
    if (copy_text(principal->user_id, sizeof(principal->user_id), json_object_get(root, "user")) ||
        parse_impersonator(json_object_get(root, "impersonator"), principal))
        return -EINVAL;
    if (!staff || json_is_null(staff))
        return parse_partners(json_object_get(root, "partners"), principal);
    principal->is_staff = true;
    return parse_access("staff", staff, json_object_get(root, "permissions"),
                        &principal->staff_role, &principal->permissions);
}

int principal_from_json(const json_t *root, struct principal *ret_principal)
{
    struct principal principal;
    int error = parse_person(root, &principal);
    if (!error)
        *ret_principal = principal;
    return error;
}

static int parse_session(const json_t *root, struct principal *principal)
{
    if (parse_person(root, principal))
        return -EINVAL;
    principal->expires_ms = json_integer_value(json_object_get(root, "expires_ms"));
    if (principal->expires_ms <= 0)
        return -EINVAL;
    return copy_text(principal->session_id, sizeof(principal->session_id),
                     json_object_get(root, "session"));
}

int session_principal_parse(const char *json, size_t length, struct principal *ret_principal)
{
    struct principal principal;
    json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL);
    int error = root ? parse_session(root, &principal) : -EINVAL;
    json_decref(root);
    if (!error)
        *ret_principal = principal;
    return error;
}
