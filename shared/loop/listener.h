/* Listening TCP socket with SO_REUSEPORT, so that several workers share one port. */
#ifndef MH_LISTENER_H
#define MH_LISTENER_H

#include "shared/base/base.h"

/* `address` is `host:port` with a numeric IPv4 or [IPv6] host. Returns a non-blocking, listening,
 * close-on-exec descriptor, or a negative errno (-EINVAL: not an address, -EADDRINUSE: taken by a
 * process that does not share). *ret_port, unless NULL, is the port, which helps when it was 0. */
MUST_CHECK int listener_open(const char *address, int backlog, int *ret_port);

/* Accepts one connection, non-blocking, close-on-exec, TCP_NODELAY; -EAGAIN when none waits. */
MUST_CHECK int listener_accept(int listener);

#endif
