#include "hub/channel/fanout.h"

#include <assert.h>

#include "hub/channel/view.h"

/* Frames per turn, about 4 ms, and per view before the next one has its turn. */
#define TURN_FRAMES 2048
#define VIEW_FRAMES 512

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void run(struct fanout *fanout)
{
    uint32_t left = TURN_FRAMES;
    while (left && !list_empty(&fanout->dirty)) {
        struct view *view = LIST_ITEM(fanout->dirty.next, struct view, dirty);
        list_remove(&view->dirty);
        list_append(&fanout->dirty, &view->dirty);
        uint32_t sent = view_deliver(view, left < VIEW_FRAMES ? left : VIEW_FRAMES);
        left -= sent;
    }
    if (fanout->on_turn)
        fanout->on_turn(fanout->owner);
    if (list_empty(&fanout->dirty))
        uv_idle_stop(&fanout->again);
    else
        uv_idle_start(&fanout->again, on_idle);
}

static void on_timers_done(uv_prepare_t *prepare)
{
    run(prepare->data);
}

static void on_sockets_read(uv_check_t *check)
{
    run(check->data);
}

int fanout_open(struct fanout *fanout, uv_loop_t *loop)
{
    list_init(&fanout->dirty);
    fanout->after_timers.data = fanout->after_sockets.data = fanout->again.data = fanout;
    int error = uv_prepare_init(loop, &fanout->after_timers);
    if (!error)
        error = uv_check_init(loop, &fanout->after_sockets);
    if (!error)
        error = uv_idle_init(loop, &fanout->again);
    if (!error)
        error = uv_prepare_start(&fanout->after_timers, on_timers_done);
    if (!error)
        error = uv_check_start(&fanout->after_sockets, on_sockets_read);
    return error;
}

void fanout_close(struct fanout *fanout)
{
    assert(list_empty(&fanout->dirty));
    uv_close((uv_handle_t *)&fanout->after_timers, NULL);
    uv_close((uv_handle_t *)&fanout->after_sockets, NULL);
    uv_close((uv_handle_t *)&fanout->again, NULL);
}

void fanout_add(struct fanout *fanout, struct view *view)
{
    if (list_empty(&view->dirty))
        list_append(&fanout->dirty, &view->dirty);
}
