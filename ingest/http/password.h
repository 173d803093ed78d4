/* Passwords, as Argon2id hashes by libsodium. One takes a tenth of a second and 64 MiB, so they are
 * worked on off the loop, few at a time, and a bounded number waits. Callbacks run on the loop. */
#ifndef MH_INGEST_PASSWORD_H
#define MH_INGEST_PASSWORD_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/base/base.h"

#define PASSWORD_MIN_BYTES 10u
#define PASSWORD_MAX_BYTES 200u
#define PASSWORD_RULE "from 10 to 200 bytes"

struct passwords;

/* 0 with the hash or, of one that was compared, because it is the right one; -EACCES: it is not;
 * -ENOMEM; -ECANCELED: the process ends. `hash` lives only during the call. */
typedef void password_done(void *owner, int error, const char *hash);

/* Whether it may become one's password: 0, -EINVAL (too short) or -E2BIG. */
MUST_CHECK int password_check(const char *password);
/* *computed, which outlives it, counts hashes. */
struct passwords *passwords_new(uv_loop_t *loop, unsigned max_jobs, uint64_t *computed);
/* 0, or -ENOBUFS when too many wait, or -EINVAL for a password that is too long; then on_done is
 * not called. The password is copied, and wiped as soon as it was used. */
MUST_CHECK int passwords_hash(struct passwords *passwords, const char *password,
                              password_done *on_done, void *owner);
/* The same; `hash` NULL takes as long as any other, and is never right. */
MUST_CHECK int passwords_compare(struct passwords *passwords, const char *password,
                                 const char *hash, password_done *on_done, void *owner);
/* Fails what waits, from within this call. */
void passwords_close(struct passwords *passwords, void (*on_closed)(void *owner), void *owner);

#endif
