/* One-time sign-in links: `<public_url>/#/sign-in?link=<token>`. The token is behind the #, so that
 * no server and no log sees it before the page posts it. */
#ifndef MH_SIGN_IN_H
#define MH_SIGN_IN_H

#define SIGN_IN_TOKEN_SIZE 44          /* 32 random bytes in base64url, and NUL */
#define SIGN_IN_HASH_SIZE (2 * 32 + 1) /* hex, and NUL */
#define SIGN_IN_DEFAULT_URL "http://127.0.0.1:8080"

/* `out_hash` is the SHA-256 of the token's text: what the database keeps. */
void sign_in_token_new(char out_token[SIGN_IN_TOKEN_SIZE], char out_hash[SIGN_IN_HASH_SIZE]);
/* Prints the link on stdout and wipes the token. */
void sign_in_print(const char *public_url, char token[SIGN_IN_TOKEN_SIZE]);

#endif
