/* Runs a loop until something has happened; fails the test when it does not within twenty seconds.
 */
#ifndef MH_LOOP_WAIT_H
#define MH_LOOP_WAIT_H

#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

#include "shared/base/base.h"
#include "shared/base/memory.h"
#include "tests/unit/test.h"

#define LOOP_WAIT_MS 20000

struct loop_deadline {
    uv_timer_t timer;
    bool expired;
};

static inline void on_loop_deadline(uv_timer_t *timer)
{
    CONTAINER_OF(timer, struct loop_deadline, timer)->expired = true;
}

static inline void on_loop_deadline_closed(uv_handle_t *handle)
{
    free(CONTAINER_OF(handle, struct loop_deadline, timer));
}

static inline void loop_wait(uv_loop_t *loop, bool (*happened)(void *what), void *what)
{
    struct loop_deadline *deadline = memory_zalloc(sizeof(*deadline));
    uv_timer_init(loop, &deadline->timer);
    uv_update_time(loop);
    uv_timer_start(&deadline->timer, on_loop_deadline, LOOP_WAIT_MS, 0);
    while (!happened(what) && !deadline->expired)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&deadline->timer, on_loop_deadline_closed);
    assert_true(happened(what));
}

/* For a test's end: 0 when every handle has been closed, which a failed test does not reach. */
static inline int loop_end(uv_loop_t *loop)
{
    for (int turns = 0; turns < 100 && uv_loop_alive(loop); turns++)
        uv_run(loop, UV_RUN_NOWAIT);
    return uv_loop_close(loop);
}

#endif
