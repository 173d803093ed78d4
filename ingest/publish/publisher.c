#include "ingest/publish/publisher.h"

#include <stdlib.h>

#include "shared/base/memory.h"
#include "shared/redis/redis_link.h"

struct publisher {
    struct publisher_options options;
    struct redis_link *link;
    struct buffer message; /* reused */
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_state(void *owner, bool up)
{
    struct publisher *publisher = owner;
    if (up)
        publisher->options.counters->redis_reconnects++;
    publisher->options.on_state(publisher->options.owner);
}

int publisher_open(uv_loop_t *loop, const struct publisher_options *options,
                   struct publisher **ret_publisher)
{
    struct publisher *publisher = memory_zalloc(sizeof(*publisher));
    publisher->options = *options;
    struct redis_link_options link = {
        .url = options->url,
        .name = "metrics-ingest",
        .prefix = options->prefix,
        .on_state = on_state,
        .owner = publisher,
    };
    int error = redis_link_open(loop, &link, &publisher->link);
    if (error)
        free(publisher);
    else
        *ret_publisher = publisher;
    return error;
}

bool publisher_up(const struct publisher *publisher)
{
    return redis_link_up(publisher->link);
}

void publisher_send(struct publisher *publisher, const struct feed_message *message)
{
    struct buffer *out = &publisher->message;
    buffer_clear(out);
    buffer_append_text(out, "{\"channel\":\"");
    buffer_append_text(out, message->channel); /* a grammar without anything to escape */
    buffer_append_text(out, "\",\"epoch\":\"");
    buffer_append_text(out, message->epoch);
    buffer_append_text(out, "\",\"seq\":");
    buffer_append_i64(out, message->seq);
    if (message->platform_seq) {
        buffer_append_text(out, ",\"platform_seq\":");
        buffer_append_i64(out, message->platform_seq);
    }
    buffer_append_text(out, ",\"payload\":");
    buffer_append(out, message->payload, message->payload_length);
    buffer_append_text(out, "}");
    if (redis_link_publish(publisher->link, message->channel, out->data, out->length))
        publisher->options.counters->publish_dropped++;
    else
        publisher->options.counters->published++;
}

static void on_link_closed(void *owner)
{
    struct publisher *publisher = owner;
    buffer_done(&publisher->message);
    if (publisher->on_closed)
        publisher->on_closed(publisher->closed_owner);
    free(publisher);
}

void publisher_close(struct publisher *publisher, void (*on_closed)(void *owner), void *owner)
{
    publisher->on_closed = on_closed;
    publisher->closed_owner = owner;
    redis_link_close(publisher->link, on_link_closed, publisher);
}
