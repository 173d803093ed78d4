/* Who is asking: made from a verified token or from what Postgres says of a session, immutable
 * afterwards. */
#ifndef MH_PRINCIPAL_H
#define MH_PRINCIPAL_H

#include <stddef.h>
#include <stdint.h>

#include "shared/access/channel_name.h"
#include "shared/access/role.h"

#define PRINCIPAL_MAX_PARTNERS 64
#define PRINCIPAL_ID_SIZE 40

struct principal_partner {
    char code[CHANNEL_CODE_SIZE];
    bool suspended; /* its members only read */
    enum role role;
    uint64_t permissions; /* those of the role, or fewer if it is a custom one */
};

struct principal {
    char user_id[PRINCIPAL_ID_SIZE];      /* public id, usr_… */
    char session_id[PRINCIPAL_ID_SIZE];   /* public id, ses_… */
    char impersonator[PRINCIPAL_ID_SIZE]; /* public id of who looks through his eyes; "": nobody */
    char name[128];
    bool is_staff;
    enum role staff_role; /* if is_staff */
    uint64_t permissions; /* if is_staff, as of a partner */
    int64_t expires_ms;
    int64_t issued_ms; /* what is said here was true then; 0: of now */
    int64_t auth_ms;   /* last proved who he is; 0: unknown */
    size_t partner_count;
    struct principal_partner partners[PRINCIPAL_MAX_PARTNERS]; /* last: a copy may be cut here */
};

/* The field mask with which the principal may read `channel`, or 0: it may not, or the channel does
 * not exist; the caller answers both alike. Who takes part in a thread is not in a
 * token: there the answer is what a participant sees, and the thread's list of members decides. */
uint32_t principal_channel_mask(const struct principal *principal,
                                const struct channel_name *channel);
/* Everywhere, if staff; of a member in any of his partners. */
uint64_t principal_permissions(const struct principal *principal);
bool principal_has(const struct principal *principal, enum permission permission);
/* Whether both are the same person, in the same session, who may do the same. */
bool principal_same_access(const struct principal *a, const struct principal *b);

#endif
