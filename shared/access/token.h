/* Session tokens: JWT, HS256, minted by ingest from a session, verified by the hub by itself. The
 * header's algorithm is compared before the library sees the token. Claims: iss "metrics-hub",
 * sub, sid, name, iat, exp, and either staff: "owner" or partners: {"CODE": "manager"}. Optional:
 * ims, iat in milliseconds; auth, when the user last proved who he is, in seconds; imp, who looks
 * through his eyes; perms, the permissions where a custom role leaves fewer than the role has, of
 * staff ["…"], of members {"CODE": ["…"]}; suspended, those of the partners that are: ["CODE"]. */
#ifndef MH_TOKEN_H
#define MH_TOKEN_H

#include "shared/access/principal.h"

#define TOKEN_SECRET_MIN_BYTES 32
#define TOKEN_MAX_BYTES 8192

enum token_fault { TOKEN_VALID, TOKEN_INVALID, TOKEN_EXPIRED };

/* *ret_principal is written only when valid. Clock skew allowed: 5 s. */
MUST_CHECK enum token_fault token_verify(const char *token, size_t length, const char *secret,
                                         size_t secret_length, int64_t now_ms,
                                         struct principal *ret_principal);
/* Signs `principal` until principal->expires_ms, as of principal->issued_ms, or of now_ms if that
 * is 0; the text is freed with free(). 0 or -ENOMEM, -EINVAL, -E2BIG: it would not pass
 * token_verify. */
MUST_CHECK int token_sign(const struct principal *principal, const char *secret,
                          size_t secret_length, int64_t now_ms, char **ret_token);

#endif
