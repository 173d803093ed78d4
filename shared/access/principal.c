#include "shared/access/principal.h"

#include <string.h>

/* A custom role takes from its role's fields those that a permission stands for. */
static uint32_t field_mask(enum role role, uint64_t permissions)
{
    static const struct {
        enum permission permission;
        enum field_class field_class;
    } gates[] = {{PERMISSION_JOBS_READ_CONTENT, FIELD_F1},
                 {PERMISSION_METRICS_READ_COST, FIELD_F2},
                 {PERMISSION_USERS_READ_PERSONAL, FIELD_F3}};
    uint32_t mask = role_field_mask(role);
    for (size_t i = 0; i < ARRAY_LENGTH(gates); i++) {
        if (!(permissions & PERMISSION_BIT(gates[i].permission)))
            mask &= ~FIELD_BIT(gates[i].field_class);
    }
    return mask;
}

static uint32_t scope_mask(enum channel_kind kind, enum role role, uint64_t permissions)
{
    switch (kind) {
    case CHANNEL_METRICS:
    case CHANNEL_JOBS:
        return permissions & PERMISSION_BIT(PERMISSION_METRICS_READ) ? field_mask(role, permissions)
                                                                     : 0;
    case CHANNEL_AUDIT:
        return permissions & PERMISSION_BIT(PERMISSION_AUDIT_READ) ? FIELD_BIT(FIELD_F0) : 0;
    case CHANNEL_KEYS:
        return permissions & PERMISSION_BIT(PERMISSION_KEYS_READ) ? FIELD_BIT(FIELD_F0) : 0;
    case CHANNEL_WALLET:
        return permissions & PERMISSION_BIT(PERMISSION_WALLET_BALANCE) ? FIELD_BIT(FIELD_F0) : 0;
    case CHANNEL_THREAD:
    case CHANNEL_SYSTEM:
    case CHANNEL_CONTROL:
        break;
    }
    return 0;
}

static uint32_t thread_mask(const struct principal *principal)
{
    if (*principal->impersonator || !principal_has(principal, PERMISSION_MESSAGES_READ))
        return 0;
    return FIELD_BIT(FIELD_F0) | FIELD_BIT(FIELD_F1);
}

uint32_t principal_channel_mask(const struct principal *principal,
                                const struct channel_name *channel)
{
    if (channel->kind == CHANNEL_THREAD)
        return thread_mask(principal);
    if (channel->kind == CHANNEL_SYSTEM)
        return FIELD_BIT(FIELD_F0);
    if (principal->is_staff)
        return scope_mask(channel->kind, principal->staff_role, principal->permissions);
    if (channel->platform)
        return 0;
    for (size_t i = 0; i < principal->partner_count; i++) {
        const struct principal_partner *partner = &principal->partners[i];
        if (strcmp(partner->code, channel->code) == 0)
            return scope_mask(channel->kind, partner->role, partner->permissions);
    }
    return 0;
}

uint64_t principal_permissions(const struct principal *principal)
{
    uint64_t permissions = principal->is_staff ? principal->permissions : 0;
    for (size_t i = 0; i < principal->partner_count; i++)
        permissions |= principal->partners[i].permissions;
    return permissions;
}

bool principal_has(const struct principal *principal, enum permission permission)
{
    return principal_permissions(principal) & PERMISSION_BIT(permission);
}

static const struct principal_partner *find_partner(const struct principal *principal,
                                                    const char *code)
{
    for (size_t i = 0; i < principal->partner_count; i++) {
        if (strcmp(principal->partners[i].code, code) == 0)
            return &principal->partners[i];
    }
    return NULL;
}

bool principal_same_access(const struct principal *a, const struct principal *b)
{
    if (strcmp(a->user_id, b->user_id) != 0 || strcmp(a->session_id, b->session_id) != 0 ||
        strcmp(a->impersonator, b->impersonator) != 0 || strcmp(a->name, b->name) != 0 ||
        a->is_staff != b->is_staff || a->partner_count != b->partner_count)
        return false;
    if (a->is_staff && (a->staff_role != b->staff_role || a->permissions != b->permissions))
        return false;
    for (size_t i = 0; i < a->partner_count; i++) {
        const struct principal_partner *one = &a->partners[i];
        const struct principal_partner *other = find_partner(b, one->code);
        if (!other || one->role != other->role || one->suspended != other->suspended ||
            one->permissions != other->permissions)
            return false;
    }
    return true;
}
