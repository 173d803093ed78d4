#include "ingest/publish/feeds.h"

#include <jansson.h>

#include "shared/base/log.h"

static void publish(struct publisher *publisher, const json_t *feed)
{
    const json_t *payload = json_object_get(feed, "payload");
    struct feed_message message = {
        .channel = json_string_value(json_object_get(feed, "channel")),
        .epoch = json_string_value(json_object_get(feed, "epoch")),
        .seq = json_integer_value(json_object_get(feed, "seq")),
        .payload = json_string_value(payload),
        .payload_length = json_string_length(payload),
    };
    if (message.channel && message.epoch && message.payload)
        publisher_send(publisher, &message);
    else
        log_error("a feed of an answer has an unexpected form");
}

void feeds_publish(struct publisher *publisher, const char *text, size_t length)
{
    size_t index;
    json_t *feed, *feeds;
    if (!text || !length)
        return;
    feeds = json_loadb(text, length, 0, NULL);
    if (!json_is_array(feeds))
        log_error("the feeds of an answer have an unexpected form");
    json_array_foreach(feeds, index, feed) publish(publisher, feed);
    json_decref(feeds);
}
