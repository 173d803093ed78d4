/* Roles, permissions, field classes and audiences (requirements: deny by default). The X-macros are
 * the one table; everything else is derived from them. */
#ifndef MH_ROLE_H
#define MH_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/base.h"

/* Field classes: F0 operational, F1 partner content, F2 commercial, F3 personal, F4 secret (never
 * leaves the process, so no audience has it). */
enum field_class { FIELD_F0, FIELD_F1, FIELD_F2, FIELD_F3, FIELD_F4 };
#define FIELD_BIT(field_class) (1u << (field_class))

#define PERMISSION_TABLE(X)                                                                        \
    X(METRICS_READ, "metrics.read")                                                                \
    X(METRICS_READ_COST, "metrics.read_cost")                                                      \
    X(JOBS_READ_CONTENT, "jobs.read_content")                                                      \
    X(OPS_HUB, "ops.hub")

enum permission {
#define X(name, text) PERMISSION_##name,
    PERMISSION_TABLE(X)
#undef X
        PERMISSION_COUNT
};

enum role_scope { ROLE_SCOPE_STAFF, ROLE_SCOPE_PARTNER };

/* name, text, scope, field mask, permissions */
#define ROLE_TABLE(X)                                                                              \
    X(STAFF_OWNER, "staff.owner", STAFF, 0xF, 0xF)                                                 \
    X(STAFF_ADMIN, "staff.admin", STAFF, 0xF, 0xF)                                                 \
    X(STAFF_OPS, "staff.ops", STAFF, 0x3, 0xD)                                                     \
    X(STAFF_SUPPORT, "staff.support", STAFF, 0xB, 0x5)                                             \
    X(STAFF_BILLING, "staff.billing", STAFF, 0x5, 0x3)                                             \
    X(STAFF_VIEWER, "staff.viewer", STAFF, 0x1, 0x1)                                               \
    X(PARTNER_ADMIN, "partner.admin", PARTNER, 0x3, 0x5)                                           \
    X(PARTNER_MANAGER, "partner.manager", PARTNER, 0x3, 0x5)                                       \
    X(PARTNER_DEVELOPER, "partner.developer", PARTNER, 0x3, 0x5)                                   \
    X(PARTNER_VIEWER, "partner.viewer", PARTNER, 0x1, 0x1)

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
bool role_has(enum role role, enum permission permission);
const char *permission_text(enum permission permission);

#endif
