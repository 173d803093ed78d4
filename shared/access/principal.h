/* Who is asking: made from a verified token, immutable afterwards. */
#ifndef MH_PRINCIPAL_H
#define MH_PRINCIPAL_H

#include <stddef.h>
#include <stdint.h>

#include "shared/access/channel_name.h"
#include "shared/access/role.h"

#define PRINCIPAL_MAX_PARTNERS 64

struct principal_partner {
    char code[CHANNEL_CODE_SIZE];
    enum role role;
};

struct principal {
    char user_id[40];    /* public id, usr_… */
    char session_id[40]; /* public id, ses_… */
    char name[128];
    bool is_staff;
    enum role staff_role; /* if is_staff */
    int64_t expires_ms;
    size_t partner_count;
    struct principal_partner partners[PRINCIPAL_MAX_PARTNERS]; /* last: a copy may be cut here */
};

/* The field mask with which the principal may read `channel`, or 0: it may not, or the channel does
 * not exist; the caller answers both alike. Who takes part in a thread is not in a
 * token: there the answer is what a participant sees, and the thread's list of members decides. */
uint32_t principal_channel_mask(const struct principal *principal,
                                const struct channel_name *channel);

#endif
