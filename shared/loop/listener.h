/* Listening TCP socket with SO_REUSEPORT, so that several workers share one port. */
#ifndef MH_LISTENER_H
#define MH_LISTENER_H

#include "shared/base/base.h"

/* `address` is `host:port` with a numeric IPv4 or [IPv6] host. Returns a non-blocking,
 * close-on-exec descriptor that holds the address, or a negative errno (-EINVAL: not an address,
 * -EADDRINUSE: taken by a process that does not share). *ret_port, unless NULL, is the port, which
 * helps when it was 0. */
MUST_CHECK int listener_open(const char *address, int *ret_port);

/* From now on connections come; until then they are refused, or go to others on the same port.
 * 0 or a negative errno. */
MUST_CHECK int listener_listen(int listener, int backlog);

/* Accepts one connection, non-blocking, close-on-exec, TCP_NODELAY; -EAGAIN when none waits. */
MUST_CHECK int listener_accept(int listener);

#endif
