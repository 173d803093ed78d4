#include "shared/access/role.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *text;
    enum role_scope scope;
    uint32_t field_mask;
    uint64_t permissions;
} roles[ROLE_COUNT] = {
#define X(name, text, scope, mask, permissions)                                                    \
    [ROLE_##name] = {text, ROLE_SCOPE_##scope, mask, permissions},
    ROLE_TABLE(X)
#undef X
};

static const char *const permissions[PERMISSION_COUNT] = {
#define X(name, text) [PERMISSION_##name] = text,
    PERMISSION_TABLE(X)
#undef X
};

int role_parse(const char *text, enum role *ret_role)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(text, roles[i].text) == 0) {
            *ret_role = (enum role)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *role_text(enum role role)
{
    return roles[role].text;
}

enum role_scope role_scope(enum role role)
{
    return roles[role].scope;
}

uint32_t role_field_mask(enum role role)
{
    return roles[role].field_mask;
}

uint64_t role_permissions(enum role role)
{
    return roles[role].permissions;
}

bool role_has(enum role role, enum permission permission)
{
    return roles[role].permissions & PERMISSION_BIT(permission);
}

int permission_parse(const char *text, enum permission *ret_permission)
{
    for (size_t i = 0; i < PERMISSION_COUNT; i++) {
        if (strcmp(text, permissions[i]) == 0) {
            *ret_permission = (enum permission)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *permission_text(enum permission permission)
{
    return permissions[permission];
}
