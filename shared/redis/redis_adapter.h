/* Puts a hiredis connection on a libuv loop. The adapter that hiredis brings drops error events, so
 * that a refused connect goes unnoticed. */
#ifndef MH_REDIS_ADAPTER_H
#define MH_REDIS_ADAPTER_H

#include <hiredis/async.h>
#include <uv.h>

#include "shared/base/base.h"

/* Before redisAsyncSetConnectCallback, which asks for the first event. hiredis closes the adapter
 * together with the connection. 0 or a negative errno. */
MUST_CHECK int redis_adapter_attach(redisAsyncContext *connection, uv_loop_t *loop);

#endif
