#include "shared/access/principal.h"

#include <string.h>

/* Metrics and jobs are dashboards, which metrics.read opens; the fields follow the role. */
static uint32_t mask_of(enum role role)
{
    return role_has(role, PERMISSION_METRICS_READ) ? role_field_mask(role) : 0;
}

uint32_t principal_channel_mask(const struct principal *principal,
                                const struct channel_name *channel)
{
    if (channel->kind == CHANNEL_THREAD)
        return FIELD_BIT(FIELD_F0) | FIELD_BIT(FIELD_F1);
    if (principal->is_staff)
        return mask_of(principal->staff_role);
    if (channel->platform)
        return 0;
    for (size_t i = 0; i < principal->partner_count; i++) {
        if (strcmp(principal->partners[i].code, channel->code) == 0)
            return mask_of(principal->partners[i].role);
    }
    return 0;
}
