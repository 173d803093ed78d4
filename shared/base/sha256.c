#include "shared/base/sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "shared/base/log.h"

/* Looking the digest up by name costs more than a hash, so it is done once. */
static _Thread_local EVP_MD *digest;
static _Thread_local EVP_MD_CTX *context;

static void require(int holds)
{
    if (holds)
        return;
    log_error("no SHA-256 in the cryptographic library");
    abort();
}

void sha256_begin(void)
{
    if (!context) {
        digest = EVP_MD_fetch(NULL, "SHA256", NULL);
        context = EVP_MD_CTX_new();
        require(digest && context);
    }
    require(EVP_DigestInit_ex2(context, digest, NULL));
}

void sha256_add(const void *bytes, size_t length)
{
    require(EVP_DigestUpdate(context, bytes, length));
}

void sha256_end(unsigned char out[SHA256_BYTES])
{
    require(EVP_DigestFinal_ex(context, out, NULL));
}
