/* A session over a transport that fails when the test says so. */
#include "hub/session/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/session/subscription.h"
#include "shared/base/memory.h"
#include "tests/unit/test.h"

struct transport {
    int error; /* of the next write */
    unsigned writes;
    enum protocol_close closed;
};

int transport_write(struct transport *transport, struct frame *frame)
{
    (void)frame;
    transport->writes++;
    return transport->error;
}

bool transport_blocked(struct transport *transport)
{
    (void)transport;
    return false;
}

void transport_want_writable(struct transport *transport)
{
    (void)transport;
}

void transport_close(struct transport *transport, enum protocol_close reason)
{
    transport->closed = reason;
}

static uv_loop_t loop;
static struct hub_settings settings = {.max_commands = 10};
static struct hub_stats stats;
static struct channels channels;
static struct sessions sessions;

static int set_up(void **state)
{
    (void)state;
    sessions = (struct sessions){.settings = &settings, .stats = &stats, .channels = &channels};
    list_init(&sessions.open);
    list_init(&sessions.closing);
    gathering_init(&sessions.gathering);
    return uv_loop_init(&loop) || fanout_open(&channels.fanout, &loop);
}

static int tear_down(void **state)
{
    (void)state;
    fanout_close(&channels.fanout);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

/* One that has left out what its view published. */
static struct subscription *folded(struct session *session, struct view *view)
{
    struct subscription *subscription = memory_zalloc(sizeof(*subscription));
    subscription->session = session;
    subscription->subscriber.view = view;
    list_init(&subscription->subscriber.link);
    list_append(&session->subscriptions, &subscription->link);
    session->subscription_count++;
    stats.subscriptions++;
    return subscription;
}

static struct view *changed_view(void)
{
    static const char patch[] = "{\"t\":\"patch\",\"at\":1,\"p\":{\"a\":1}}";
    struct view *view = view_new(&channels.fanout, "metrics:platform", false, 1, "epoch", 1, 4);
    view_publish(view, 2, patch, sizeof(patch) - 1);
    return view;
}

static void every_subscription_catches_up(void **unused)
{
    (void)unused;
    struct transport transport = {.closed = PROTOCOL_CLOSE_NONE};
    struct view *view = changed_view();
    struct session *session = session_new(&sessions, &transport);
    for (int i = 0; i < 3; i++)
        folded(session, view)->folded_from = 1;
    session_on_writable(session);
    assert_int_equal(transport.writes, 3);
    assert_int_equal(transport.closed, PROTOCOL_CLOSE_NONE);
    session_on_gone(session);
    assert_int_equal(stats.subscriptions, 0);
    view_free(view);
}

/* The close comes from within the loop over the subscriptions. */
static void a_write_that_fails_ends_it_once(void **unused)
{
    (void)unused;
    struct transport transport = {.error = -EIO, .closed = PROTOCOL_CLOSE_NONE};
    struct view *view = changed_view();
    struct session *session = session_new(&sessions, &transport);
    for (int i = 0; i < 3; i++)
        folded(session, view)->folded_from = 1;
    session_on_writable(session);
    assert_int_equal(transport.writes, 1);
    assert_int_equal(transport.closed, PROTOCOL_CLOSE_WRITE_ERROR);
    assert_int_equal(stats.subscriptions, 0);
    session_on_gone(session);
    assert_int_equal(stats.connections, 0);
    view_free(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_subscription_catches_up),
        cmocka_unit_test(a_write_that_fails_ends_it_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
