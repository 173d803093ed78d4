/* ID tokens of an outside identity provider (OpenID Connect Core 1.0, 3.1.3.7), signed by RS256 or
 * EdDSA (RFC 7515, 7518, 8037). The provider's public keys come from a JWKS file (RFC 7517):
 * nothing is fetched, and what a token says of keys (jwk, jku, x5c, x5u) is not looked at. */
#ifndef MH_INGEST_IDENTITY_H
#define MH_INGEST_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/base.h"

#define IDENTITY_TOKEN_MAX 8192u

struct identity_keys;

/* Takes the keys that can verify: RSA of 2,048 to 8,192 bits and Ed25519, whose `use` and `alg`, if
 * they are there, say nothing else. Others are passed over. 0, or after a line in the log -EINVAL:
 * no JWKS; -EACCES: a key that should be secret; -ENOKEY, -E2BIG: none, or too many, to verify
 * with. */
MUST_CHECK int identity_keys_load(const char *path, struct identity_keys **ret_keys);
/* The same of a text, without the log. */
MUST_CHECK int identity_keys_parse(const char *json, size_t length,
                                   struct identity_keys **ret_keys);
void identity_keys_free(struct identity_keys *keys); /* NULL allowed */

struct identity_expected {
    const char *issuer, *audience;
    const char *nonce; /* NULL: the token must have none */
    int64_t now_ms;
};

struct identity {
    char subject[256]; /* unique at the issuer */
    char email[255];   /* empty unless the provider verified it */
    char name[481];    /* may be empty */
    int64_t auth_ms;   /* when the provider saw him prove who he is; 0: it does not say */
    int64_t expires_ms;
};

/* NULL with *ret_identity written, or what is wrong with the token, in words for who sent it. Clock
 * skew allowed: 60 s. */
MUST_CHECK const char *identity_verify(const struct identity_keys *keys, const char *token,
                                       size_t length, const struct identity_expected *expected,
                                       struct identity *ret_identity);

#endif
