#include "hub/session/review.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "hub/session/session.h"
#include "shared/access/principal_json.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

/* Sessions of one question. */
#define QUESTION_SESSIONS 500
/* More people than these and tokens are asked about instead. */
#define READ_USERS 10000

static struct log_limit query_limit = {.interval_ms = 1000};

static void ask(struct review *review);

static struct review *of_consumer(struct feed_consumer *consumer)
{
    return CONTAINER_OF(consumer, struct review, consumer);
}

static struct session *first(const struct list *list)
{
    return LIST_ITEM(list->next, struct session, review);
}

static void move(struct session *session, struct list *to)
{
    list_remove(&session->review);
    list_append(to, &session->review);
}

/* ---- answers ---- */

static const struct {
    const char *text;
    enum protocol_close code;
} ends[] = {{"signed_out", PROTOCOL_CLOSE_SIGNED_OUT},
            {"suspended", PROTOCOL_CLOSE_SUSPENDED},
            {"expired", PROTOCOL_CLOSE_SESSION_EXPIRED},
            {"revoked", PROTOCOL_CLOSE_REVOKED}};

static enum protocol_close end_of(const char *reason)
{
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
        if (reason && strcmp(reason, ends[i].text) == 0)
            return ends[i].code;
    }
    return PROTOCOL_CLOSE_REVOKED;
}

const char *review_end_text(enum protocol_close code)
{
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
        if (code == ends[i].code)
            return ends[i].text;
    }
    return "revoked";
}

/* Rows come in the order of their sessions. */
static int find_row(const struct pg_result *result, const char *session)
{
    int low = 0, high = pg_result_rows(result) - 1;
    while (low <= high) {
        int middle = low + (high - low) / 2;
        const char *text = pg_result_text(result, middle, 0, NULL);
        int order = text ? strcmp(session, text) : 1;
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return -1;
}

static void judge(struct session *session, const struct pg_result *result)
{
    struct principal principal;
    size_t length = 0;
    int row = find_row(result, session->principal->session_id);
    const char *json = row < 0 ? NULL : pg_result_text(result, row, 1, &length);
    if (!json) {
        session_on_ended(session, end_of(row < 0 ? NULL : pg_result_text(result, row, 2, NULL)));
        return;
    }
    if (session_principal_parse(json, length, &principal)) {
        log_error("session %s: its principal is not of the agreed form",
                  session->principal->session_id);
        session_on_ended(session, PROTOCOL_CLOSE_REVOKED);
    } else if (strcmp(principal.user_id, session->principal->user_id) != 0 ||
               (!principal.is_staff && !principal.partner_count)) {
        session_on_ended(session, PROTOCOL_CLOSE_REVOKED);
    } else {
        session_on_judged(session, &principal);
    }
}

static void on_answer(void *owner, const struct pg_result *result)
{
    struct review *review = owner;
    review->question = NULL;
    if (pg_result_failure(result) != PG_OK) {
        log_limited(&query_limit, LOG_LEVEL_WARNING, "sessions cannot be checked: %s",
                    pg_result_message(result));
        while (!list_empty(&review->asked))
            move(first(&review->asked), &review->wanted);
        return; /* the next second asks again */
    }
    while (!list_empty(&review->asked)) {
        struct session *session = first(&review->asked);
        list_remove(&session->review);
        review->sessions->stats->reviews++;
        judge(session, result);
    }
    ask(review);
}

/* ---- questions ---- */

static void ask(struct review *review)
{
    const char *sessions[QUESTION_SESSIONS], *users[QUESTION_SESSIONS];
    size_t count = 0;
    if (review->question || list_empty(&review->wanted))
        return;
    while (count < QUESTION_SESSIONS && !list_empty(&review->wanted)) {
        struct session *session = first(&review->wanted);
        sessions[count] = session->principal->session_id;
        users[count++] = session->principal->user_id;
        move(session, &review->asked);
    }
    review->question =
        feed_db_sessions_state(review->feeds->pool, sessions, users, count, on_answer, review);
    while (!review->question && !list_empty(&review->asked))
        move(first(&review->asked), &review->wanted);
}

void review_want(struct review *review, struct session *session)
{
    move(session, &review->wanted);
    ask(review);
}

bool review_doubts(const struct review *review, const struct principal *principal)
{
    return changes_doubt(&review->changes, principal->user_id, principal->issued_ms) ||
           (*principal->impersonator &&
            changes_doubt(&review->changes, principal->impersonator, principal->issued_ms));
}

/* ---- the log ---- */

static bool is_named(const struct review *review, const struct principal *principal)
{
    return changes_named(&review->changes, principal->user_id) ||
           (*principal->impersonator && changes_named(&review->changes, principal->impersonator));
}

static void want_sessions(struct review *review, bool all)
{
    LIST_FOR_EACH(link, next, &review->sessions->open)
    {
        struct session *session = LIST_ITEM(link, struct session, link);
        if (session->state != SESSION_NEW && (all || is_named(review, session->principal)))
            move(session, &review->wanted);
    }
    ask(review);
}

static void on_recent(void *owner, const struct pg_result *result)
{
    struct review *review = owner;
    int64_t now_ms = time_wall_ms();
    review->reading = NULL;
    if (pg_result_failure(result) != PG_OK)
        return; /* the next second asks again */
    int rows = pg_result_rows(result);
    for (int i = 0; i < rows; i++) {
        const char *user = pg_result_text(result, i, 0, NULL);
        if (user)
            changes_note(&review->changes, user, now_ms);
    }
    changes_reach_back(&review->changes, rows < READ_USERS ? now_ms - CHANGES_KEEP_MS : now_ms);
}

static void read_recent(struct review *review)
{
    if (!review->reading)
        review->reading = feed_db_access_changes(review->feeds->pool,
                                                 (CHANGES_KEEP_MS + CHANGES_SKEW_MS) / 1000 + 60,
                                                 READ_USERS, on_recent, review);
}

/* Of changes between a connection's token and this position nobody heard. */
static void on_loaded(struct feed_consumer *consumer, struct snapshot *snapshot)
{
    struct review *review = of_consumer(consumer);
    (void)snapshot;
    read_recent(review);
    want_sessions(review, true);
}

static void on_apply(struct feed_consumer *consumer, int64_t seq, struct feed_delta *delta)
{
    struct review *review = of_consumer(consumer);
    int64_t now_ms = time_wall_ms();
    json_t *root = json_loadb(delta->text, delta->length, 0, NULL);
    const json_t *users = json_object_get(root, "users");
    (void)seq;
    for (size_t i = 0; i < json_array_size(users); i++) {
        const char *user = json_string_value(json_array_get(users, i));
        if (user)
            changes_note(&review->changes, user, now_ms);
    }
    json_decref(root);
}

static void on_changed(struct feed_consumer *consumer)
{
    struct review *review = of_consumer(consumer);
    want_sessions(review, false);
    changes_next_round(&review->changes);
}

static void on_reset(struct feed_consumer *consumer)
{
    struct review *review = of_consumer(consumer);
    feed_query_drop(review->reading);
    review->reading = NULL;
    changes_reset(&review->changes);
}

/* Asked for again each second. */
static void on_absent(struct feed_consumer *consumer)
{
    log_limited(&query_limit, LOG_LEVEL_ERROR, "%s: there is no such log", consumer->feed->name);
}

static void on_members(struct feed_consumer *consumer, struct members *members)
{
    (void)consumer;
    free(members);
}

static const struct feed_consumer_ops consumer_ops = {.loaded = on_loaded,
                                                      .apply = on_apply,
                                                      .changed = on_changed,
                                                      .reset = on_reset,
                                                      .absent = on_absent,
                                                      .members = on_members};

/* ---- life ---- */

void review_second(struct review *review)
{
    if (!review->feeds)
        return;
    changes_forget(&review->changes, time_wall_ms());
    if (review->consumer.loaded && review->changes.since_ms == INT64_MAX)
        read_recent(review);
    ask(review);
}

void review_open(struct review *review, struct sessions *sessions, struct feeds *feeds)
{
    static const struct channel_name control = {.kind = CHANNEL_CONTROL, .platform = true};
    *review =
        (struct review){.sessions = sessions,
                        .feeds = feeds,
                        .consumer = {.ops = &consumer_ops, .request = {.kind = SNAPSHOT_POSITION}}};
    list_init(&review->wanted);
    list_init(&review->asked);
    changes_init(&review->changes);
    feeds_attach(feeds, &control, &review->consumer);
}

void review_close(struct review *review)
{
    if (!review->feeds)
        return;
    feeds_detach(review->feeds, &review->consumer);
    feed_query_drop(review->question);
    feed_query_drop(review->reading);
    review->question = review->reading = NULL;
    changes_done(&review->changes);
}
