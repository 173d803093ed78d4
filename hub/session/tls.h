/* Native TLS of the hub: one certificate with its key, for every new connection. It can be replaced
 * while the process runs: a connection keeps the one that it began with. The only module that knows
 * OpenSSL; server.c passes libwebsockets' SSL_CTX through. */
#ifndef MH_HUB_TLS_H
#define MH_HUB_TLS_H

#include <sys/types.h>

#include "shared/base/base.h"

struct tls;

/* PEM files: the certificate followed by its chain, and the key, which nobody else may read; both
 * "" is no TLS: *ret_tls is NULL. 0, or -EINVAL after one log line. The paths are borrowed. */
MUST_CHECK int tls_open(const char *certificate, const char *key, struct tls **ret_tls);
/* Reads both files again. When anything is wrong with them, one line is logged and the old
 * certificate stays. NULL-safe. */
void tls_reload(struct tls *tls);
/* `context` is an SSL_CTX: its connections get the certificate of the moment. */
void tls_serve(struct tls *tls, void *context);
/* Writes to a connection, an SSL, without blocking: bytes, -EAGAIN, or -EIO. After -EAGAIN, again
 * with the same bytes. */
MUST_CHECK ssize_t tls_write(void *connection, const void *bytes, size_t length);
/* After the last connection. NULL-safe. */
void tls_free(struct tls *tls);

#endif
