#include "metricsctl/poster.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/memory.h"
#include "shared/base/time.h"

#define CONNECT_TIMEOUT_MS 5000L
#define REQUEST_TIMEOUT_MS 30000L
#define MIN_PAUSE_MS 100
#define MAX_PAUSE_MS 5000
#define MAX_ANSWER_BYTES (8u << 20)
#define DETAIL_SIZE 512

enum slot_state { SLOT_FREE, SLOT_SENDING, SLOT_PAUSED };

/* One connection's worth of work. */
struct slot {
    enum slot_state state;
    CURL *easy;
    struct curl_slist *headers;
    struct post *post;
    struct buffer answer;
    int64_t first_try_ms, retry_at_ms;
    int pause_ms;
};

struct poster {
    struct poster_options options;
    char *url;
    CURLM *multi;
    struct slot *slots;
    unsigned busy;
    uint64_t retries;
};

static int64_t now_ms(void)
{
    return time_monotonic_us() / 1000;
}

struct post *post_new(const char *key, unsigned count, void *tag)
{
    struct post *post = memory_zalloc(sizeof(*post) + count * sizeof(post->verdicts[0]));

    post->key = key;
    post->count = count;
    post->tag = tag;
    return post;
}

void post_free(struct post *post)
{
    if (!post)
        return;
    buffer_done(&post->body);
    free(post);
}

static size_t on_answer_bytes(char *bytes, size_t size, size_t count, void *owner)
{
    struct slot *slot = owner;

    if (slot->answer.length + size * count > MAX_ANSWER_BYTES)
        return 0;
    buffer_append(&slot->answer, bytes, size * count);
    return size * count;
}

static int slot_init(struct poster *poster, struct slot *slot)
{
    slot->easy = curl_easy_init();
    if (!slot->easy)
        return -EINVAL;
    curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(slot->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, REQUEST_TIMEOUT_MS);
    curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, on_answer_bytes);
    curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(slot->easy, CURLOPT_POST, 1L);
    if (curl_easy_setopt(slot->easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
        curl_easy_setopt(slot->easy, CURLOPT_URL, poster->url) != CURLE_OK)
        return -EINVAL;
    return 0;
}

int poster_new(const struct poster_options *options, struct poster **ret_poster)
{
    struct poster *poster = memory_zalloc(sizeof(*poster));
    size_t length = strlen(options->url);

    while (length > 0 && options->url[length - 1] == '/')
        length--;
    poster->options = *options;
    poster->url = memory_alloc(length + sizeof("/v1/events"));
    snprintf(poster->url, length + sizeof("/v1/events"), "%.*s/v1/events", (int)length,
             options->url);
    poster->multi = curl_multi_init();
    poster->slots = memory_array(options->connections, sizeof(*poster->slots));
    int rc = poster->multi ? 0 : -EINVAL;
    for (unsigned i = 0; rc == 0 && i < options->connections; i++)
        rc = slot_init(poster, &poster->slots[i]);
    if (rc)
        poster_free(poster);
    else
        *ret_poster = poster;
    return rc;
}

static void slot_clear(struct poster *poster, struct slot *slot)
{
    if (slot->state == SLOT_SENDING)
        curl_multi_remove_handle(poster->multi, slot->easy);
    if (slot->state != SLOT_FREE)
        poster->busy--;
    slot->state = SLOT_FREE;
    curl_slist_free_all(slot->headers);
    slot->headers = NULL;
    post_free(slot->post);
    slot->post = NULL;
}

void poster_free(struct poster *poster)
{
    if (!poster)
        return;
    for (unsigned i = 0; i < poster->options.connections; i++) {
        slot_clear(poster, &poster->slots[i]);
        curl_easy_cleanup(poster->slots[i].easy);
        buffer_done(&poster->slots[i].answer);
    }
    curl_multi_cleanup(poster->multi);
    free(poster->slots);
    free(poster->url);
    free(poster);
}

unsigned poster_busy(const struct poster *poster)
{
    return poster->busy;
}

bool poster_has_room(const struct poster *poster)
{
    return poster->busy < poster->options.connections;
}

uint64_t poster_retries(const struct poster *poster)
{
    return poster->retries;
}

void poster_abort(struct poster *poster)
{
    for (unsigned i = 0; i < poster->options.connections; i++)
        slot_clear(poster, &poster->slots[i]);
}

static void slot_start(struct poster *poster, struct slot *slot)
{
    buffer_clear(&slot->answer);
    slot->state = SLOT_SENDING;
    curl_multi_add_handle(poster->multi, slot->easy);
}

void poster_send(struct poster *poster, struct post *post)
{
    struct slot *slot = poster->slots;
    char authorization[256];

    while (slot->state != SLOT_FREE)
        slot++;
    snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", post->key);
    slot->post = post;
    slot->first_try_ms = now_ms();
    slot->pause_ms = MIN_PAUSE_MS;
    slot->headers = curl_slist_append(NULL, "Content-Type: application/cloudevents-batch+json");
    slot->headers = curl_slist_append(slot->headers, "Expect:");
    slot->headers = curl_slist_append(slot->headers, authorization);
    curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body.length);
    curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, post->body.data);
    poster->busy++;
    slot_start(poster, slot);
}

static enum post_verdict verdict_of(const char *status)
{
    if (!status)
        return POST_UNKNOWN;
    if (strcmp(status, "accepted") == 0)
        return POST_ACCEPTED;
    if (strcmp(status, "duplicate") == 0)
        return POST_DUPLICATE;
    return strcmp(status, "rejected") == 0 ? POST_REJECTED : POST_UNKNOWN;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "";
}

/* Reads the verdicts of the answer into the post; true if every event has one. */
static bool judge(struct post *post, const json_t *answer, char detail[DETAIL_SIZE])
{
    const json_t *events = json_object_get(answer, "events");
    unsigned judged = 0;

    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        json_int_t index = json_integer_value(json_object_get(event, "index"));
        enum post_verdict verdict = verdict_of(text_of(event, "status"));
        if (index < 0 || index >= post->count || post->verdicts[index] != POST_UNKNOWN ||
            verdict == POST_UNKNOWN)
            continue;
        post->verdicts[index] = verdict;
        judged++;
        if (verdict == POST_REJECTED && !*detail)
            snprintf(detail, DETAIL_SIZE, "%s: %s %s", text_of(event, "reason"),
                     text_of(event, "field"), text_of(event, "detail"));
    }
    if (judged == post->count)
        return true;
    if (events)
        snprintf(detail, DETAIL_SIZE, "the answer judges %u of %u events", judged, post->count);
    else
        snprintf(detail, DETAIL_SIZE, "%s %s", text_of(answer, "title"), text_of(answer, "detail"));
    return false;
}

static void finish(struct poster *poster, struct slot *slot, int status, const char *error)
{
    char detail[DETAIL_SIZE] = "";
    struct post_result result = {.status = status, .detail = detail};

    if (status) {
        json_t *answer = json_loadb(slot->answer.data, slot->answer.length, 0, NULL);
        result.judged = judge(slot->post, answer, detail);
        json_decref(answer);
    } else {
        snprintf(detail, sizeof(detail), "%s", error);
    }
    struct post *post = slot->post;
    slot->post = NULL;
    slot_clear(poster, slot);
    poster->options.on_posted(poster->options.owner, post, &result);
    post_free(post);
}

static bool is_passing(int status)
{
    return status == 0 || status == 429 || (status >= 502 && status <= 504);
}

static void on_transfer_done(struct poster *poster, struct slot *slot, CURLcode code)
{
    long status = 0;
    curl_off_t retry_after_s = 0;

    if (code == CURLE_OK) {
        curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(slot->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    }
    int64_t now = now_ms();
    bool patient =
        poster->options.patience_ms == 0 || now - slot->first_try_ms < poster->options.patience_ms;
    curl_multi_remove_handle(poster->multi, slot->easy);
    slot->state = SLOT_PAUSED;
    if (!is_passing((int)status) || !patient) {
        finish(poster, slot, (int)status, curl_easy_strerror(code));
        return;
    }
    slot->retry_at_ms = now + (retry_after_s > 0 ? (int64_t)retry_after_s * 1000 : slot->pause_ms);
    slot->pause_ms = slot->pause_ms * 2 > MAX_PAUSE_MS ? MAX_PAUSE_MS : slot->pause_ms * 2;
    poster->retries++;
}

/* Starts what has paused long enough; returns how long the others still have to, up to `limit`. */
static int resume_paused(struct poster *poster, int limit_ms)
{
    int64_t now = now_ms(), wait_ms = limit_ms;

    for (unsigned i = 0; i < poster->options.connections; i++) {
        struct slot *slot = &poster->slots[i];
        if (slot->state != SLOT_PAUSED)
            continue;
        if (slot->retry_at_ms <= now)
            slot_start(poster, slot);
        else if (slot->retry_at_ms - now < wait_ms)
            wait_ms = slot->retry_at_ms - now;
    }
    return (int)wait_ms;
}

static void reap(struct poster *poster)
{
    CURLMsg *message;
    int left, running;

    curl_multi_perform(poster->multi, &running);
    while ((message = curl_multi_info_read(poster->multi, &left))) {
        struct slot *slot = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
        on_transfer_done(poster, slot, code);
    }
}

void poster_wait(struct poster *poster, int timeout_ms)
{
    int wait_ms = resume_paused(poster, timeout_ms);

    reap(poster);
    if (wait_ms > 0 && (poster->busy || timeout_ms > 0)) {
        curl_multi_poll(poster->multi, NULL, 0, wait_ms, NULL);
        reap(poster);
    }
}
