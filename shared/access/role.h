/* Roles, permissions, field classes and audiences (requirements: deny by default). Everything is
 * derived from shared/access/permissions.tsv, the one table. */
#ifndef MH_ROLE_H
#define MH_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "role_table.h" /* made from permissions.tsv */
#include "shared/base/base.h"

/* Field classes: F0 operational, F1 partner content, F2 commercial, F3 personal, F4 secret (never
 * leaves the process, so no audience has it). */
enum field_class { FIELD_F0, FIELD_F1, FIELD_F2, FIELD_F3, FIELD_F4 };
#define FIELD_BIT(field_class) (1u << (field_class))

enum permission {
#define X(name, text) PERMISSION_##name,
    PERMISSION_TABLE(X)
#undef X
        PERMISSION_COUNT
};
/* Of a set of permissions. */
#define PERMISSION_BIT(permission) (UINT64_C(1) << (permission))
_Static_assert(PERMISSION_COUNT <= 64, "a set of permissions is a uint64_t");

enum role_scope { ROLE_SCOPE_STAFF, ROLE_SCOPE_PARTNER };

enum role {
#define X(name, text, scope, mask, permissions) ROLE_##name,
    ROLE_TABLE(X)
#undef X
        ROLE_COUNT
};

/* 0 or -EINVAL for an unknown name. */
MUST_CHECK int role_parse(const char *text, enum role *ret_role);
const char *role_text(enum role role);
enum role_scope role_scope(enum role role);
uint32_t role_field_mask(enum role role);
uint64_t role_permissions(enum role role);
bool role_has(enum role role, enum permission permission);
/* 0 or -EINVAL for an unknown name. */
MUST_CHECK int permission_parse(const char *text, enum permission *ret_permission);
const char *permission_text(enum permission permission);

#endif
