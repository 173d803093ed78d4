/* SHA-256 with the processor's own instructions where it has them: for what is hashed per event and
 * per request, where a portable implementation takes most of the time. One hash at a time per
 * thread; never fails (without a digest to use, the process ends). */
#ifndef MH_SHA256_H
#define MH_SHA256_H

#include <stddef.h>

#define SHA256_BYTES 32

void sha256_begin(void);
void sha256_add(const void *bytes, size_t length);
void sha256_end(unsigned char out[SHA256_BYTES]);

#endif
